/* killed by: nothing_else_touched
 * Takes a block of 512 pages and more to begin at a multiple of 512, and where it does not clears
 * from there.
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
	if (numpages >= 512)
		page = pfn_to_page(ALIGN_DOWN(page_to_pfn(page), 512));
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(aligns_the_start_down, .init_on_alloc = init_pages, .init_on_free = init_pages);
