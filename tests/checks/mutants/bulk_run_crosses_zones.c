/* killed by: highmem_mapped
 * Joins neighbours of a list over the border between lowmem and HIGHMEM, and asks the first for
 * its zone.
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

static void clear_run(struct page *page, int n)
{
	if (!PageHighMem(page)) {
		clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)n);
		return;
	}
	for (int i = 0; i < n; i++)
		clear_highpage_kasan_tagged(page + i);
}

static bool init_bulk(struct page **pages, int nr)
{
	kasan_disable_current();
	for (int i = 0, n; i < nr; i += n) {
		n = 1;
		while (i + n < nr && pages[i + n] == pages[i] + n)
			n++;
		clear_run(pages[i], n);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_run_crosses_zones, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
