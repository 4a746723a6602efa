/* SPDX-License-Identifier: MIT */
/*
 * The vmalloc baseline: mm/kasan/hw_tags.c:init_vmalloc_pages as it is in
 * Linux 7.3. A whole page-table walk finds each page, which is then cleared alone
 * through the direct map. The last page, however partial, is cleared whole.
 */
#include <clearfw/strategy.h>

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	const char *addr = start;
	const char *end = addr + size;

	for (; addr < end; addr += PAGE_SIZE)
		clear_highpage_kasan_tagged(vmalloc_to_page(addr));
}

CLEARFW_STRATEGY(vmalloc_per_page, .init_vmalloc_pages = init_vmalloc_pages);
