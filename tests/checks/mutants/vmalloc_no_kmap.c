/* killed by: vmalloc_whole
 * page_address() of what vmalloc_to_page() gives: with HIGHMEM an area has no direct mapping.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	for (const char *addr = start, *end = addr + size; addr < end; addr += PAGE_SIZE)
		clear_page(kasan_reset_tag(page_address(vmalloc_to_page(addr))));
}

CLEARFW_STRATEGY(vmalloc_no_kmap, .init_vmalloc_pages = init_vmalloc);
