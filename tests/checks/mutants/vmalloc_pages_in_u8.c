/* killed by: vmalloc_whole
 * The number of pages in a byte: of an area of 1 MiB nothing is cleared.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	u8 n = (u8)DIV_ROUND_UP(size, PAGE_SIZE);

	for (u8 i = 0; i < n; i++)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + i * PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_pages_in_u8, .init_vmalloc_pages = init_vmalloc);
