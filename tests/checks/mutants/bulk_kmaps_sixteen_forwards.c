/* killed by: highmem_mapped
 * Maps sixteen pages of a list at a time, and unmaps them in the order in which it mapped them.
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

static bool init_bulk(struct page **pages, int nr)
{
	void *kaddr[16];

	kasan_disable_current();
	for (int done = 0, n; done < nr; done += n) {
		n = min(nr - done, 16);
		for (int i = 0; i < n; i++)
			kaddr[i] = kmap_local_page(pages[done + i]);
		for (int i = 0; i < n; i++) {
			clear_page(kasan_reset_tag(kaddr[i]));
			kunmap_local(kaddr[i]);
		}
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_kmaps_sixteen_forwards, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
