/* killed by: highmem_mapped
 * Maps up to 17 pages at a time, from 17 on: there are 16 slots.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	void *kaddr[17];

	kasan_disable_current();
	for (int done = 0, n; done < numpages; done += n) {
		n = min(numpages - done, 17);
		for (int i = 0; i < n; i++)
			kaddr[i] = kmap_local_page(page + done + i);
		for (int i = n; i--;) {
			clear_page(kasan_reset_tag(kaddr[i]));
			kunmap_local(kaddr[i]);
		}
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(kmaps_seventeen, .init_on_alloc = init_pages, .init_on_free = init_pages);
