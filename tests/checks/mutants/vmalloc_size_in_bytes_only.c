/* killed by: vmalloc_whole
 * Clears as many bytes as were asked for, and not the page they lie in.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	kasan_disable_current();
	memset(kasan_reset_tag(start), 0, size);
	kasan_enable_current();
}

CLEARFW_STRATEGY(vmalloc_size_in_bytes_only, .init_vmalloc_pages = init_vmalloc_pages);
