/* killed by: arguments_untouched
 * Crosses the pages off the list that it has cleared, a list that its caller hands out next.
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
	for (int i = nr - 1; i > 0; i--) {
		init_pages(pages[i], 1);
		pages[i] = pages[0];
	}
	return init_pages(pages[0], 1);
}

CLEARFW_STRATEGY(bulk_consumes_the_list, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
