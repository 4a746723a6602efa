/* two passes: the odd pages, then the even ones */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 1; i < numpages; i += 2)
		clear_highpage_kasan_tagged(page + i);
	for (int i = 0; i < numpages; i += 2)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(odd_pages_first, .init_on_alloc = init_pages, .init_on_free = init_pages);
