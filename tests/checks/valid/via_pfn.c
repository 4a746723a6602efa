/* goes by pfn and asks pfn_to_page() for each page again */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	unsigned long pfn = page_to_pfn(page);

	kasan_disable_current();
	for (unsigned long end = pfn + numpages; pfn < end; pfn++)
		clear_highpage_kasan_tagged(pfn_to_page(pfn));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(via_pfn, .init_on_alloc = init_pages, .init_on_free = init_pages);
