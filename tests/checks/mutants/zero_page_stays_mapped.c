/* killed by: highmem_mapped
 * continue; for a page that is zero already, and its kunmap_local() stands behind that.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);
		const u64 *word = kasan_reset_tag(kaddr);
		unsigned int at = 0;

		while (at < PAGE_SIZE / 8 && !word[at])
			at++;
		if (at == PAGE_SIZE / 8)
			continue;
		clear_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(zero_page_stays_mapped, .init_on_alloc = init_pages, .init_on_free = init_pages);
