/* an area by non-temporal stores through its own address, one fence for all of it */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	char *addr = kasan_reset_tag(start);

	for (unsigned long done = 0; done < size; done += PAGE_SIZE)
		clear_pages_incoherent(addr + done, 1);
	clear_page_make_coherent();
}

CLEARFW_STRATEGY(vmalloc_streamed, .init_vmalloc_pages = init_vmalloc);
