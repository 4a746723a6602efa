/* SPDX-License-Identifier: MIT */
/* Lowmem two pages a call, HIGHMEM page by page. */
#include <clearfw/strategy.h>

static void clear_lowmem(struct page *page, int numpages)
{
	char *addr = kasan_reset_tag(page_address(page));

	for (int i = 0; i < numpages; i += 2)
		clear_pages(addr + i * PAGE_SIZE, min(2, numpages - i));
}

static void kernel_init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	if (!PageHighMem(page))
		clear_lowmem(page, numpages);
	else
		for (struct page *end = page + numpages; page < end; page++)
			clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(pairs, .kernel_init_pages = kernel_init_pages);
