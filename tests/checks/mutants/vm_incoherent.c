/* killed by: visible_on_return
 * Clear_pages_incoherent() over an area and no fence.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	clear_pages_incoherent(kasan_reset_tag(start), DIV_ROUND_UP(size, PAGE_SIZE));
}

CLEARFW_STRATEGY(vm_incoherent, .init_vmalloc_pages = init_vmalloc);
