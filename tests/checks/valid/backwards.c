/* from the last page to the first, so that the first is the freshest in the cache */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	while (numpages > 0)
		clear_highpage_kasan_tagged(page + --numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(backwards, .init_on_alloc = init_pages, .init_on_free = init_pages);
