/* killed by: kasan_tag_reset
 * A short way for single pages, and it has forgotten kasan_reset_tag().
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
	if (numpages != 1 || IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	kasan_disable_current();
	clear_page(page_address(page));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(tag_kept_for_single_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
