/* killed by: kasan_tag_reset, only
 * Clears a vmalloc area at its address as it is, tag and all.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	clear_pages((void *)start, (unsigned int)DIV_ROUND_UP(size, PAGE_SIZE));
}

CLEARFW_STRATEGY(vmalloc_tag_kept, .init_vmalloc_pages = init_vmalloc_pages);
