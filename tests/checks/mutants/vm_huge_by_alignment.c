/* killed by: vmalloc_scattered
 * Takes an aligned area of 2 MiB and more for one huge leaf, contiguous in the direct map.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start, *end = addr + size;
	unsigned long huge = 512 * PAGE_SIZE;

	while (addr < end) {
		struct page *page = vmalloc_to_page(addr);

		if (!IS_ENABLED(CONFIG_HIGHMEM) && IS_ALIGNED((unsigned long)kasan_reset_tag(addr), huge) && end - addr >= huge) {
			clear_pages(kasan_reset_tag(page_address(page)), 512);
			addr += huge;
			continue;
		}
		clear_highpage_kasan_tagged(page);
		addr += PAGE_SIZE;
	}
}

CLEARFW_STRATEGY(vm_huge_by_alignment, .init_vmalloc_pages = init_vmalloc);
