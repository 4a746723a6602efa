/* killed by: kasan_depth_balanced
 * Returns early for a HIGHMEM block and has the guard with it.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	if (PageHighMem(page))
		return true;
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(guard_kept_on_early_return, .init_on_alloc = init_pages, .init_on_free = init_pages);
