/* killed by: passed_on_untouched
 * From order 5 on warms the block by storing to it, then passes on.
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
	if (numpages < 32)
		return per_page(page, numpages);
	if (!IS_ENABLED(CONFIG_HIGHMEM))
		clear_pages(kasan_reset_tag(page_address(page)), numpages);
	return false;
}

CLEARFW_STRATEGY(writes_and_passes_on_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
