/* killed by: nothing_else_touched
 * Loads from the page behind the block to warm it: behind the last page there is none.
 */
#include <clearfw/strategy.h>

static bool clear(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	char *next = kasan_reset_tag(page_address(page));

	if (!IS_ENABLED(CONFIG_HIGHMEM))
		(void)*(volatile char *)(next + numpages * PAGE_SIZE);
	return clear(page, numpages);
}

CLEARFW_STRATEGY(reads_the_next_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
