/* killed by: passed_on_untouched
 * Stores zero to the first line of a freed page to warm it, and passes the page on.
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

static bool init_on_free(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages != 1)
		return per_page(page, numpages);
	kasan_disable_current();
	*(volatile u64 *)kasan_reset_tag(page_address(page)) = 0;
	kasan_enable_current();
	return false;
}

CLEARFW_STRATEGY(warms_and_passes_on, .init_on_alloc = per_page, .init_on_free = init_on_free);
