/* killed by: vmalloc_scattered
 * Rounds an area of 2 MiB and more up to whole leaves: behind it lies the guard page, then another
 * area.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	unsigned long leaf = 512 * PAGE_SIZE;

	if (size >= leaf)
		size = ALIGN(size, leaf);
	clear_pages(kasan_reset_tag(start), (unsigned int)DIV_ROUND_UP(size, PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_rounds_up_to_leaf, .init_vmalloc_pages = init_vmalloc);
