/* killed by: atomic_context
 * cond_resched() between HIGHMEM pages on free: lowmem and allocations are clean.
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

static bool init_on_free(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		clear_highpage_kasan_tagged(page + i);
		if (PageHighMem(page) && i % 64 == 63)
			cond_resched();
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(sleeps_on_free_of_highmem, .init_on_alloc = per_page, .init_on_free = init_on_free);
