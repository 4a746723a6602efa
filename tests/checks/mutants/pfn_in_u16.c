/* killed by: zero_on_alloc
 * Keeps a pfn in 16 bits: from 256 MiB of memory on it is another page's.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	u16 pfn = (u16)page_to_pfn(page);

	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(pfn_to_page(pfn + (unsigned long)i));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(pfn_in_u16, .init_on_alloc = init_pages, .init_on_free = init_pages);
