/* clears all, then the first page once more so that it is in the cache */
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
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 2)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	clear_pages(addr, numpages);
	memset(addr, 0, PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(first_page_again, .init_on_alloc = init_pages, .init_on_free = init_pages);
