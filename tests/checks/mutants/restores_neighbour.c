/* killed by: nothing_else_touched
 * Rewrites the last byte before the block with what it held: loses a concurrent write of its
 * owner.
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
	bool done = per_page(page, numpages);

	if (!IS_ENABLED(CONFIG_HIGHMEM) && page_to_pfn(page)) {
		volatile char *before = (char *)kasan_reset_tag(page_address(page)) - 1;

		*before = *before;
	}
	return done;
}

CLEARFW_STRATEGY(restores_neighbour, .init_on_alloc = init_pages, .init_on_free = init_pages);
