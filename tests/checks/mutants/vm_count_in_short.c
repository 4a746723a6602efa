/* killed by: vmalloc_whole
 * Number of pages in 16 bits: an area of 256 MiB and more is cleared in part.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	unsigned short n = DIV_ROUND_UP(size, PAGE_SIZE);

	clear_pages(kasan_reset_tag(start), n);
}

CLEARFW_STRATEGY(vm_count_in_short, .init_vmalloc_pages = init_vmalloc);
