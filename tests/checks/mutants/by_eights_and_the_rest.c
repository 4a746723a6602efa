/* killed by: any_count
 * Unrolls by eight, and takes the rest for less than four.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	int i = 0;

	kasan_disable_current();
	for (; i + 8 <= numpages; i += 8)
		for (int j = 0; j < 8; j++)
			clear_highpage_kasan_tagged(page + i + j);
	for (int left = (numpages - i) & 3; left; left--)
		clear_highpage_kasan_tagged(page + i++);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(by_eights_and_the_rest, .init_on_alloc = init_pages, .init_on_free = init_pages);
