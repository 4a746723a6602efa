/* killed by: vmalloc_scattered
 * Clears the first contiguous run, and does not look for another.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	struct page *page;
	unsigned int n = vmalloc_run(start, (unsigned int)DIV_ROUND_UP(size, PAGE_SIZE), &page);

	for (unsigned int i = 0; i < n; i++)
		clear_highpage_kasan_tagged(page + i);
}

CLEARFW_STRATEGY(vmalloc_first_run_only, .init_vmalloc_pages = init_vmalloc_pages);
