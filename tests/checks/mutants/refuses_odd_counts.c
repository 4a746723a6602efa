/* killed by: any_count
 * Takes a count that is no power of two for a mistake of the caller, and claims it all the same.
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
	if (numpages & (numpages - 1))
		return true;
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(refuses_odd_counts, .init_on_alloc = init_pages, .init_on_free = init_pages);
