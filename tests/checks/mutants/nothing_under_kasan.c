/* killed by: kasan_generic_quiet
 * Does nothing under KASAN, where it was thought to get in the way.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		return true;
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(nothing_under_kasan, .init_on_alloc = init_pages, .init_on_free = init_pages);
