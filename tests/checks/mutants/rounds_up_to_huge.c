/* killed by: nothing_else_touched
 * From 129 pages on rounds up to whole huge pages of 512: order 8 destroys what follows.
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
	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages <= 128)
		return per_page(page, numpages);
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), ALIGN(numpages, 512));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(rounds_up_to_huge, .init_on_alloc = init_pages, .init_on_free = init_pages);
