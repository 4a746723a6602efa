/* killed by: highmem_mapped
 * Advances the address while it clears, and gives kunmap_local() where it ended.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		char *kaddr = kmap_local_page(page + i);

		for (char *end = kaddr + PAGE_SIZE; kaddr < end; kaddr += 8)
			*(volatile u64 *)kasan_reset_tag(kaddr) = 0;
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(unmaps_the_page_after, .init_on_alloc = init_pages, .init_on_free = init_pages);
