/* killed by: zero_on_alloc
 * Clears units of 2 MiB and counts 512 pages for each, which holds for 4 KiB pages alone.
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

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages % 512)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int i = 0; i < numpages; i += 512)
		clear_pages(addr + i * PAGE_SIZE, (2 << 20) / PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(huge_page_of_2m, .init_on_alloc = init_pages, .init_on_free = init_pages);
