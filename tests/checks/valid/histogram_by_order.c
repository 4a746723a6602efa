/* counts by order in a static array, each slot atomically */
#include <clearfw/strategy.h>

static u64 histogram[32];

static int order_of(int numpages)
{
	int order = 0;

	while (order < 31 && (1L << order) < numpages)
		order++;
	return order;
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	__atomic_fetch_add(&histogram[order_of(numpages)], 1, __ATOMIC_RELAXED);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_page(kasan_reset_tag(page_address(page + i)));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(histogram_by_order, .init_on_alloc = init_pages, .init_on_free = init_pages);
