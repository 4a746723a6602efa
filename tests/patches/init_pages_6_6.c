/* SPDX-License-Identifier: MIT */
/* 5.17 to 7.1: kernel_init_pages(), page by page. */
#include <linux/mm.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	/* s390's clear_page() is a memset(), which KASAN would check. */
	kasan_disable_current();
	for (i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(init_pages_6_6, .kernel_init_pages = kernel_init_pages);
