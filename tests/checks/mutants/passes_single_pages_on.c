/* killed by: passed_on_untouched, only
 * Returns the wrong thing for a single page, which it has cleared.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return numpages != 1;
}

CLEARFW_STRATEGY(passes_single_pages_on, .init_on_alloc = init_pages, .init_on_free = init_pages);
