/* killed by: highmem_mapped
 * Asks PageHighMem() of a list's first page for all of them: a list free mixes zones.
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

static bool init_bulk(struct page **pages, int nr)
{
	if (PageHighMem(pages[0]))
		return false;
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_pages(kasan_reset_tag(page_address(pages[i])), 1);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_zone_of_first, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
