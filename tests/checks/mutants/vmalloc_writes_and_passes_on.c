/* killed by: passed_on_untouched
 * Clears the first page of a large area to see how long it takes, and passes the area on.
 */
#include <clearfw/strategy.h>

static bool init_vmalloc(const void *start, unsigned long size)
{
	if (size > 32 * PAGE_SIZE) {
		clear_page(kasan_reset_tag(start));
		return false;
	}
	for (unsigned long at = 0; at < size; at += PAGE_SIZE)
		clear_page((char *)kasan_reset_tag(start) + at);
	return true;
}

CLEARFW_STRATEGY(vmalloc_writes_and_passes_on, .init_on_vmalloc = init_vmalloc);
