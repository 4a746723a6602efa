/* killed by: vmalloc_whole, only
 * size >> PAGE_SHIFT pages: the last page, begun and not full, stays dirty.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	for (unsigned long i = 0; i < size >> PAGE_SHIFT; i++)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + i * PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_size_rounded_down, .init_vmalloc_pages = init_vmalloc_pages);
