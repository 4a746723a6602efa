/* killed by: atomic_context
 * A WARN_ON() that holds for every larger block.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	WARN_ON_ONCE(numpages > 32);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(warns, .init_on_alloc = init_pages, .init_on_free = init_pages);
