/* SPDX-License-Identifier: MIT */
/*
 * The !HIGHMEM half of mm/page_alloc.c:clear_highpages_kasan_tagged (7.2, commit
 * b001cf7d16dd): one primitive call over the whole block. With CONFIG_HIGHMEM
 * it passes everything on, at compile time and lowmem pages too, as the kernel does.
 * init_bulk goes beyond the kernel: scattered order-0 pages share one fence.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_pages_incoherent(kasan_reset_tag(page_address(pages[i])), 1);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(batched, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
