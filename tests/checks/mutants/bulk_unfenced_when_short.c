/* killed by: visible_on_return
 * Fences a list of eight pages and more, and lets the stores of a shorter one be on their way.
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
		clear_pages_incoherent(kasan_reset_tag(page_address(pages[i])), 1);
	if (nr >= 8)
		clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_unfenced_when_short, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
