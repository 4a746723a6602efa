/* killed by: zero_on_alloc
 * Takes the order out of struct page, which says nothing yet when a block is handed out.
 */
#include <clearfw/strategy.h>

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	int order = page->order;

	if (numpages >= 64 && order < 11)
		numpages = 1 << order;
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(trusts_order_of_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
