/* killed by: highmem_mapped
 * Reads page->virtual itself, in lists, where HIGHMEM has none.
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
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_page(pages[i]->virtual);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(virtual_of_highmem, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
