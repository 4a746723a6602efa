/* killed by: any_count
 * Clear_pages(rest, numpages % 8) also when the rest is 0: generic clear_pages() is do/while
 * (--npages), 2^32 pages.
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
	char *addr;
	unsigned int units = numpages & ~7;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (unsigned int i = 0; i < units; i += 8)
		clear_pages(addr + i * PAGE_SIZE, 8);
	clear_pages(addr + units * PAGE_SIZE, numpages & 7);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(tail_of_zero_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
