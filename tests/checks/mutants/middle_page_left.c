/* killed by: any_count
 * From both ends towards the middle, and of an odd number the one in the middle is left.
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
	struct page *last = page + numpages - 1;

	if (numpages < 2)
		return per_page(page, numpages);
	kasan_disable_current();
	while (page < last) {
		clear_highpage_kasan_tagged(page++);
		clear_highpage_kasan_tagged(last--);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(middle_page_left, .init_on_alloc = init_pages, .init_on_free = init_pages);
