/* killed by: highmem_mapped
 * Maps the whole block before it clears: there are 16 slots.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	void *kaddr[1024];

	if (numpages > 1024)
		return;

	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_page(kasan_reset_tag(kaddr[i] = kmap_local_page(page + i)));
	while (numpages--)
		kunmap_local(kaddr[numpages]);
	kasan_enable_current();
}

CLEARFW_STRATEGY(maps_all_first, .kernel_init_pages = kernel_init_pages);
