/* killed by: zero_on_alloc
 * Recursion of one call a page: 1,024 frames do not fit on a kernel stack of 16 KiB.
 */
#include <clearfw/strategy.h>

static noinline void clear_from(struct page *page, int left)
{
	struct page *volatile mine = page;

	if (!left)
		return;
	clear_from(page + 1, left - 1);
	clear_highpage_kasan_tagged(mine);
}

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
	if (numpages > 1024)
		return per_page(page, numpages);
	kasan_disable_current();
	clear_from(page, numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(recursion_per_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
