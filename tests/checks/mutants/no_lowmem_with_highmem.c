/* killed by: highmem_mapped
 * Takes every page of a HIGHMEM kernel for a HIGHMEM page, and leaves lowmem alone.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		if (!IS_ENABLED(CONFIG_HIGHMEM) || PageHighMem(page + i))
			clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(no_lowmem_with_highmem, .init_on_alloc = init_pages, .init_on_free = init_pages);
