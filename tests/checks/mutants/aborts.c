/* killed by: zero_on_alloc
 * BUG() where it meant a warning.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (numpages == 1 << 9)
		__builtin_trap();
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(aborts, .init_on_alloc = init_pages, .init_on_free = init_pages);
