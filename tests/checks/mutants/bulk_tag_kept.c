/* killed by: kasan_tag_reset
 * A list's pages are cleared at page_address() as it is, tag and all.
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
	for (int i = 0; i < nr; i++)
		clear_pages_incoherent(page_address(pages[i]), 1);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_tag_kept, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
