/* SPDX-License-Identifier: MIT */
/*
 * The baseline: what mm/page_alloc.c:kernel_init_pages did up to Linux 7.1, and
 * what every HIGHMEM kernel does still. Each page is mapped, cleared by a call
 * of the primitive of its own, and unmapped; KASAN is silenced around the loop.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(per_page, .kernel_init_pages = kernel_init_pages);
