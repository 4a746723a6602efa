/* killed by: any_count
 * clear_pages(rest, n % 512) after the whole huge pages, also where nothing is left: 2^32 pages
 * but on x86.
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

static bool init_on_free(struct page *page, int numpages)
{
	char *addr;
	unsigned int n = (unsigned int)numpages;

	if (IS_ENABLED(CONFIG_HIGHMEM) || n < 512)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	clear_pages(addr, n & ~511u);
	clear_pages(addr + (n & ~511u) * PAGE_SIZE, n & 511);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(clears_zero_pages_on_free, .init_on_alloc = per_page, .init_on_free = init_on_free);
