/* killed by: vmalloc_scattered
 * virt_to_page() of a vmalloc address.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	struct page *page = virt_to_page(start);

	for (unsigned long i = 0; i < DIV_ROUND_UP(size, PAGE_SIZE); i++)
		clear_highpage_kasan_tagged(page + i);
}

CLEARFW_STRATEGY(vmalloc_virt_to_page, .init_vmalloc_pages = init_vmalloc_pages);
