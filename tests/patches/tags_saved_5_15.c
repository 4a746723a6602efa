/* SPDX-License-Identifier: MIT */
/* The shape of 5.12 to 5.16: each page's tag is taken off for its clear, and put back. */
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/highmem.h>
#include <clearfw/strategy.h>

static void kernel_init_free_pages(struct page *page, int numpages)
{
	int i;

	kasan_disable_current();
	for (i = 0; i < numpages; i++) {
		u8 tag = page_kasan_tag(page + i);

		page_kasan_tag_reset(page + i);
		clear_highpage(page + i);
		page_kasan_tag_set(page + i, tag);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(tags_saved_5_15, .kernel_init_pages = kernel_init_free_pages);
