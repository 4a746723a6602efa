/* killed by: vmalloc_whole
 * Whole pages by clear_pages(), the last one for as many bytes as were asked for.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	char *addr = kasan_reset_tag(start);
	unsigned int whole = (unsigned int)(size >> PAGE_SHIFT);

	if (whole)
		clear_pages(addr, whole);
	if (size & ~PAGE_MASK)
		memset(addr + whole * PAGE_SIZE, 0, size & ~PAGE_MASK);
}

CLEARFW_STRATEGY(vmalloc_tail_in_bytes, .init_vmalloc_pages = init_vmalloc);
