/* SPDX-License-Identifier: MIT */
/*
 * Where clear_page() is memset(), as in arch/s390/include/asm/page.h (7.3), KASAN checks
 * the clear itself. On free the pages are poisoned already: without the guard below,
 * generic KASAN reports, memset() writes nothing and the page stays dirty, a
 * leak and not just a report. The guard does nothing under HW_TAGS: there it is
 * resetting the tag that lets the write through.
 */
#include <clearfw/strategy.h>

static void memset_highpage(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 0, PAGE_SIZE);
	kunmap_local(kaddr);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		memset_highpage(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(s390_memset, .kernel_init_pages = kernel_init_pages);
