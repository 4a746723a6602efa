/* killed by: highmem_mapped
 * Remembers in a static that lowmem came, and takes all that follows for lowmem.
 */
#include <clearfw/strategy.h>

static int lowmem_machine;

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	if (!PageHighMem(page))
		__atomic_store_n(&lowmem_machine, 1, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&lowmem_machine, __ATOMIC_RELAXED))
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_page(kasan_reset_tag(page_address(page + i)));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(zone_remembered, .init_on_alloc = init_pages, .init_on_free = init_pages);
