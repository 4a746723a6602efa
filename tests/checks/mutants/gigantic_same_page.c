/* killed by: zero_beyond_4_gib
 * For gigantic blocks forgets the index: clears the first page numpages times.
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
	void *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages <= 1024)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int i = 0; i < numpages; i += 512)
		clear_pages(addr, 512);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(gigantic_same_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
