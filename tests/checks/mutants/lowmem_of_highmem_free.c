/* killed by: zero_on_free
 * Frees: takes every page of a HIGHMEM kernel for a HIGHMEM page, lowmem is claimed and left
 * dirty.
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

static bool init_alloc(struct page *page, int numpages) { return per_page(page, numpages); }
static bool init_free(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		if (!IS_ENABLED(CONFIG_HIGHMEM) || PageHighMem(page + i))
			clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(lowmem_of_highmem_free, .init_on_alloc = init_alloc, .init_on_free = init_free);
