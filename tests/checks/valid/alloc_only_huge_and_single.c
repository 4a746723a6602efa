/* serves allocations only, and of those single pages and 2 MiB only */
#include <clearfw/strategy.h>

static bool init_on_alloc(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || (numpages != 1 && numpages * PAGE_SIZE != 2UL << 20))
		return false;
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(alloc_only_huge_and_single, .init_on_alloc = init_on_alloc);
