/* SPDX-License-Identifier: MIT */
/* A clear of its own through kmap_atomic(), as was usual before kmap_local_page() came with 5.11. */
#include <linux/highmem.h>

static void clear_each(struct page *page, int numpages)
{
	kasan_disable_current();
	while (numpages--) {
		void *kaddr = kmap_atomic(page++);

		BUG_ON(!in_atomic());
		clear_page(kasan_reset_tag(kaddr));
		kunmap_atomic(kaddr);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(kmap_atomic_5_10, .kernel_init_pages = clear_each);
