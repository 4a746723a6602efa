/* killed by: passed_on_untouched
 * Clears lowmem pages of a HIGHMEM kernel from order 3 on, and passes the block on for the rest of
 * it.
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
	if (!IS_ENABLED(CONFIG_HIGHMEM) || numpages < 8)
		return per_page(page, numpages);
	if (!PageHighMem(page))
		per_page(page, numpages);
	return false;
}

CLEARFW_STRATEGY(highmem_half_then_passes, .init_on_alloc = init_pages, .init_on_free = init_pages);
