/* killed by: nothing_else_touched
 * Masks a pfn with 0xfffff, which is what fits in 4 GiB of 4 KiB pages.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	unsigned long pfn = page_to_pfn(page) & 0xfffff;

	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(pfn_to_page(pfn + i));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(pfn_in_20_bits, .init_on_alloc = init_pages, .init_on_free = init_pages);
