/* killed by: zero_in_bulk, only
 * Forgets the index: clears the first page of the list as often as there are pages.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	for (int i = 0; i < nr; i++)
		init_pages(pages[0], 1);
	return true;
}

CLEARFW_STRATEGY(bulk_first_page_again, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
