/* killed by: kasan_generic_quiet
 * Warms the first line of the block by a memset() that comes before the guard.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (!IS_ENABLED(CONFIG_HIGHMEM) && numpages)
		memset(kasan_reset_tag(page_address(page)), 0, 64);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(memset_before_guard, .init_on_alloc = init_pages, .init_on_free = init_pages);
