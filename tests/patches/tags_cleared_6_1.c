/* SPDX-License-Identifier: MIT */
/* Memory tags and contents in one, as arm64 with MTE does for a user's pages; without tags a plain clear. */
#include <linux/highmem.h>

static void tag_and_clear(struct page *page, int numpages)
{
	if (!kasan_hw_tags_enabled()) {
		kasan_disable_current();
		for (int i = 0; i < numpages; i++)
			clear_highpage_kasan_tagged(page + i);
		kasan_enable_current();
		return;
	}
	tag_clear_highpage(page);
	if (numpages > 1)
		WARN_ON_ONCE(tag_clear_highpages(page + 1, numpages - 1, true));
}

CLEARFW_STRATEGY(tags_cleared_6_1, .kernel_init_pages = tag_and_clear);
