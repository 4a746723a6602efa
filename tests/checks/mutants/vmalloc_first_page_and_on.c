/* killed by: vmalloc_scattered, only
 * Looks up the first page, and takes the others to follow it.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	struct page *page = vmalloc_to_page(start);

	for (unsigned long i = 0; i < DIV_ROUND_UP(size, PAGE_SIZE); i++)
		clear_highpage_kasan_tagged(page + i);
}

CLEARFW_STRATEGY(vmalloc_first_page_and_on, .init_vmalloc_pages = init_vmalloc_pages);
