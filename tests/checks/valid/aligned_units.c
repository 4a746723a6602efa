/* units that end where 32 pages of physical memory end: a short one first if the block begins in between */
#include <clearfw/strategy.h>

#define UNIT 32UL

static bool init_pages(struct page *page, int numpages)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long end = pfn + numpages;
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	while (pfn < end) {
		unsigned long next = min(ALIGN(pfn + 1, UNIT), end);

		clear_pages(addr, (unsigned int)(next - pfn));
		addr += (next - pfn) * PAGE_SIZE;
		pfn = next;
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(aligned_units, .init_on_alloc = init_pages, .init_on_free = init_pages);
