/* an area page by page from its last page to its first */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	unsigned long left = DIV_ROUND_UP(size, PAGE_SIZE);

	while (left--)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + left * PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_backwards, .init_vmalloc_pages = init_vmalloc);
