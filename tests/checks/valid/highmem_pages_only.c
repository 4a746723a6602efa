/* claims blocks of HIGHMEM only, passes lowmem on even where there is HIGHMEM */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (!PageHighMem(page))
		return false;
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(nth_page(page, i));

		clear_page(kaddr);
		kunmap_local(kaddr);
	}
	return true;
}

CLEARFW_STRATEGY(highmem_pages_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
