/* killed by: passed_on_untouched
 * Clears half a list, finds it cannot do the rest and returns false.
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
	for (int i = 0; i < nr / 2; i++)
		clear_highpage_kasan_tagged(pages[i]);
	kasan_enable_current();
	return false;
}

CLEARFW_STRATEGY(bulk_passes_on_cleared, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
