/* SPDX-License-Identifier: MIT */
/* init_vmalloc_pages() since 2023: a walk of the page table for each page. */
#include <linux/mm.h>
#include <linux/vmalloc.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	const void *addr;

	for (addr = start; addr < start + size; addr += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr);

		clear_highpage_kasan_tagged(page);
	}
}

CLEARFW_STRATEGY(vmalloc_6_3, .init_vmalloc_pages = init_vmalloc_pages);
