/* vmalloc areas of 2 MiB and more through their own address, smaller ones passed on */
#include <clearfw/strategy.h>

#define LARGE (2UL << 20)

static bool init_vmalloc(const void *start, unsigned long size)
{
	char *addr = kasan_reset_tag(start);
	unsigned long npages = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (size < LARGE)
		return false;
	for (unsigned long i = 0; i < npages; i++)
		clear_page(addr + (i << PAGE_SHIFT));
	return true;
}

CLEARFW_STRATEGY(large_areas_only, .init_on_vmalloc = init_vmalloc);
