/* killed by: nothing_else_touched
 * Asks the page behind the block for its zone: the last block of lowmem is then HIGHMEM's, the
 * last of all has none behind it.
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
	if (numpages < 1 || PageHighMem(page + numpages))
		return per_page(page, numpages);
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(zone_of_the_page_behind, .init_on_alloc = init_pages, .init_on_free = init_pages);
