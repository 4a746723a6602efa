/* killed by: nothing_else_touched
 * Computes the physical address in 32 bits: wrong for pfns from 4 GiB on.
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
	char *base;
	u32 phys = page_to_pfn(page) << PAGE_SHIFT;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	base = kasan_reset_tag(page_address(pfn_to_page(0)));
	kasan_disable_current();
	clear_pages(base + phys, numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(phys_in_u32, .init_on_alloc = init_pages, .init_on_free = init_pages);
