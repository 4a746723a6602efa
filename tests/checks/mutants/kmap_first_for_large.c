/* killed by: highmem_mapped
 * Above 32 pages, kmaps the first page and clears the block through it.
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

static bool init_pages(struct page *page, int numpages)
{
	void *kaddr;

	if (numpages <= 32)
		return per_page(page, numpages);
	kasan_disable_current();
	kaddr = kmap_local_page(page);
	clear_pages(kasan_reset_tag(kaddr), numpages);
	kunmap_local(kaddr);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(kmap_first_for_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
