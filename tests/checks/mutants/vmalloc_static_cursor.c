/* killed by: two_threads
 * A static cursor for areas: two CPUs take it from each other.
 */
#include <clearfw/strategy.h>

static unsigned long done;

static void init_vmalloc(const void *start, unsigned long size)
{
	for (done = 0; done < size; done += PAGE_SIZE)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + done));
}

CLEARFW_STRATEGY(vmalloc_static_cursor, .init_vmalloc_pages = init_vmalloc);
