/* eight pages a turn and the rest one by one */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	int i;

	kasan_disable_current();
	for (i = 0; i + 8 <= numpages; i += 8) {
		clear_highpage_kasan_tagged(page + i);
		clear_highpage_kasan_tagged(page + i + 1);
		clear_highpage_kasan_tagged(page + i + 2);
		clear_highpage_kasan_tagged(page + i + 3);
		clear_highpage_kasan_tagged(page + i + 4);
		clear_highpage_kasan_tagged(page + i + 5);
		clear_highpage_kasan_tagged(page + i + 6);
		clear_highpage_kasan_tagged(page + i + 7);
	}
	for (; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(unrolled_by_eight, .init_on_alloc = init_pages, .init_on_free = init_pages);
