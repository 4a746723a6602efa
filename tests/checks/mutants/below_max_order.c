/* killed by: zero_on_free
 * Takes MAX_PAGE_ORDER, the largest order, for the first that is too large.
 */
#include <clearfw/strategy.h>

static bool on_alloc(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool on_free(struct page *page, int numpages)
{
	return numpages >= 1 << 10 || on_alloc(page, numpages);
}

CLEARFW_STRATEGY(below_max_order, .init_on_alloc = on_alloc, .init_on_free = on_free);
