/* killed by: zero_in_bulk
 * Takes a list of pages for a range that begins with the first.
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
	init_pages(pages[0], nr);
	return true;
}

CLEARFW_STRATEGY(bulk_as_a_range, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
