/* SPDX-License-Identifier: MIT */
/* From 7.2 on: one clear of the block where all memory is mapped. */
#include <linux/highmem.h>
#include <linux/kasan.h>

static void clear_highpages_kasan_tagged(struct page *page, int numpages)
{
	kasan_disable_current();
	if (!IS_ENABLED(CONFIG_HIGHMEM)) {
		clear_pages(kasan_reset_tag(page_address(page)), numpages);
	} else {
		for (int i = 0; i < numpages; i++)
			clear_highpage_kasan_tagged(page + i);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(batched_7_2, .kernel_init_pages = clear_highpages_kasan_tagged);
