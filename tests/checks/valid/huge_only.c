/* claims blocks of order 9 and above only, passes the rest on untouched */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 512)
		return false;
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(huge_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
