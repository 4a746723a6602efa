/* SPDX-License-Identifier: MIT */
/*
 * An area is contiguous where it is mapped, whatever lies beneath: so it is cleared
 * through its own address, in one primitive call, with no page-table walk and no kmap.
 * No kernel does this yet (7.3: mm/kasan/hw_tags.c:init_vmalloc_pages walks for
 * every page). The tag is reset as the caller has not tagged the memory.
 */
#include <clearfw/strategy.h>

/* clear_pages() takes an unsigned int: what one call can cover. */
#define MAX_PAGES (~0u)

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	char *addr = kasan_reset_tag(start);
	/* Rounded up: size >> PAGE_SHIFT would leave a partial last page dirty. */
	unsigned long left = DIV_ROUND_UP(size, PAGE_SIZE);

	while (left) {
		unsigned int npages = (unsigned int)min_t(unsigned long, left, MAX_PAGES);

		clear_pages(addr, npages);
		addr += npages * PAGE_SIZE;
		left -= npages;
	}
}

CLEARFW_STRATEGY(vmalloc_contiguous, .init_vmalloc_pages = init_vmalloc_pages);
