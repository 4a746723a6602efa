/* killed by: zero_on_alloc
 * Counts down an unsigned index, stops before 0 because below it there is none, and leaves page 0
 * of larger blocks.
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
	if (numpages < 2)
		return per_page(page, numpages);
	kasan_disable_current();
	for (unsigned int i = (unsigned int)numpages - 1; i > 0; i--)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(backwards_leaves_the_first, .init_on_alloc = init_pages, .init_on_free = init_pages);
