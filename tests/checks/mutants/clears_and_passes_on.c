/* killed by: passed_on_untouched
 * Clears, and returns false all the same.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return false;
}

CLEARFW_STRATEGY(clears_and_passes_on, .init_on_alloc = init_pages, .init_on_free = init_pages);
