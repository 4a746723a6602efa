/* killed by: vmalloc_whole
 * size >> PAGE_SHIFT pages for areas of 64 KiB and more: a partial last page stays dirty there
 * alone.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	unsigned long npages = DIV_ROUND_UP(size, PAGE_SIZE);

	if (size > 65536)
		npages = size >> PAGE_SHIFT;
	clear_pages(kasan_reset_tag(start), (unsigned int)npages);
}

CLEARFW_STRATEGY(vmalloc_last_page_of_large, .init_vmalloc_pages = init_vmalloc);
