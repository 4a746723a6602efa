/* killed by: zero_on_alloc
 * Under HW_TAGS clears 16 pages at most.
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
	if (IS_ENABLED(CONFIG_KASAN_HW_TAGS) && !IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, min(numpages, 16));
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(hw_tags_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
