/* claims lists only, passes every single block on */
#include <clearfw/strategy.h>

static bool pass(struct page *page, int numpages) { return false; }
static bool init_bulk(struct page **pages, int nr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_pages_incoherent(kasan_reset_tag(page_address(pages[i])), 1);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_only, .init_on_alloc = pass, .init_on_free = pass, .init_bulk = init_bulk);
