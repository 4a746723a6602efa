/* killed by: vmalloc_whole
 * size / PAGE_SIZE + 1 pages: right only where the last is not full.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	for (unsigned long i = 0; i < size / PAGE_SIZE + 1; i++)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + i * PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_one_page_too_many, .init_vmalloc_pages = init_vmalloc_pages);
