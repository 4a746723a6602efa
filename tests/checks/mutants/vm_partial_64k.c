/* killed by: vmalloc_whole
 * Vmalloc with 64 KiB pages: more than two pages are taken for 4 KiB ones.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	unsigned long n = DIV_ROUND_UP(size, PAGE_SIZE);

	if (PAGE_SHIFT == 16 && n > 2)
		n = 2;
	clear_pages(kasan_reset_tag(start), n);
}

CLEARFW_STRATEGY(vm_partial_64k, .init_vmalloc_pages = init_vmalloc);
