/* killed by: atomic_context
 * Promises might_sleep() for blocks from order 9 on.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (numpages >= 1 << 9)
		might_sleep();
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(may_sleep, .init_on_alloc = init_pages, .init_on_free = init_pages);
