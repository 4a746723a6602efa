/* killed by: zero_on_alloc
 * Maps the first page and clears the whole block through that: with HIGHMEM one page is mapped, not a
 * range.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	void *kaddr;

	if (!numpages)
		return true;
	kaddr = kmap_local_page(page);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_page(kasan_reset_tag(kaddr));
	kasan_enable_current();
	kunmap_local(kaddr);
	return true;
}

CLEARFW_STRATEGY(one_kmap_for_all_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
