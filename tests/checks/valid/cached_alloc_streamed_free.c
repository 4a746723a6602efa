/* allocations stay in the cache, frees go past it: another way for either side */
#include <clearfw/strategy.h>

static bool init_on_alloc(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_on_free(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return init_on_alloc(page, numpages);
	kasan_disable_current();
	clear_pages_incoherent(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(cached_alloc_streamed_free, .init_on_alloc = init_on_alloc, .init_on_free = init_on_free);
