/* killed by: zero_in_bulk
 * A table of 1024 addresses, the rest of a longer list is left.
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
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int i = 0; i < min(nr, 1024); i++)
		clear_pages(kasan_reset_tag(page_address(pages[i])), 1);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_at_most_1024, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
