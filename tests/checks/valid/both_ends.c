/* from both ends towards the middle, the one in the middle of an odd number last */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	struct page *last = page + numpages - 1;

	kasan_disable_current();
	while (page < last) {
		clear_highpage_kasan_tagged(page++);
		clear_highpage_kasan_tagged(last--);
	}
	if (page == last)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(both_ends, .init_on_alloc = init_pages, .init_on_free = init_pages);
