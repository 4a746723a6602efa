/* killed by: zero_beyond_4_gib
 * Counts the offset in an int: at 2 GiB it turns negative, and what follows is cleared before the
 * block.
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

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_page(addr + (int)((unsigned int)i << PAGE_SHIFT));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(byte_offset_in_int, .init_on_alloc = init_pages, .init_on_free = init_pages);
