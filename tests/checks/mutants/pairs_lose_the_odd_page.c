/* killed by: any_count
 * Unrolls by two from 33 pages on, and the odd one at the end is left.
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
	if (numpages <= 32)
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i + 1 < numpages; i += 2) {
		clear_highpage_kasan_tagged(page + i);
		clear_highpage_kasan_tagged(page + i + 1);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(pairs_lose_the_odd_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
