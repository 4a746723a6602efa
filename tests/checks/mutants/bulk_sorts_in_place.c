/* killed by: arguments_untouched
 * Sorts the list to clear neighbours together, and it is the caller's list that it sorts.
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
	for (int i = 1; i < nr; i++)
		for (int at = i; at > 0 && pages[at - 1] > pages[at]; at--) {
			struct page *page = pages[at];

			pages[at] = pages[at - 1];
			pages[at - 1] = page;
		}
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_highpage_kasan_tagged(pages[i]);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_sorts_in_place, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
