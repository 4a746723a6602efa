/* killed by: nothing_else_touched
 * Clears from the lowest page of a list to the highest: all between is lost.
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

static bool init_bulk(struct page **pages, int nr)
{
	struct page *lo = pages[0], *hi = pages[0];

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	for (int i = 1; i < nr; i++) {
		lo = min(lo, pages[i]);
		hi = max(hi, pages[i]);
	}
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(lo)), hi - lo + 1);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_lowest_to_highest, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
