/* killed by: kasan_tag_reset
 * Resets the tag of the first page and goes on by page_address() of the others.
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
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *addr = page_address(page + i);

		clear_page(i ? addr : kasan_reset_tag(addr));
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(tags_of_the_rest_kept, .init_on_alloc = init_pages, .init_on_free = init_pages);
