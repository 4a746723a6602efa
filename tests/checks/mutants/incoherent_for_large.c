/* killed by: visible_on_return
 * clear_pages_incoherent() above 2 MiB, and the fence stands in the other branch.
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
	void *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM) || !numpages)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	if (numpages > 512) {
		clear_pages_incoherent(addr, (unsigned int)numpages);
	} else {
		clear_pages_incoherent(addr, (unsigned int)numpages);
		clear_page_make_coherent();
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(incoherent_for_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
