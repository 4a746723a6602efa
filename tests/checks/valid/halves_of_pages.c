/* recursion over struct pages, right half first, kmap at the leaves */
#include <clearfw/strategy.h>

static void clear_tree(struct page *page, int numpages)
{
	if (numpages <= 0)
		return;
	if (numpages == 1) {
		clear_highpage_kasan_tagged(page);
		return;
	}
	clear_tree(page + numpages / 2, numpages - numpages / 2);
	clear_tree(page, numpages / 2);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	clear_tree(page, numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(halves_of_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
