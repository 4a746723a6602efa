/* SPDX-License-Identifier: MIT */
/*
 * The HIGHMEM half of mm/page_alloc.c:clear_highpages_kasan_tagged (7.2): page by
 * page, because a HIGHMEM page has no address until kmap_local_page() lends it one,
 * and no range can be mapped at once. Asked after `batched`, the two are the
 * kernel's helper; without CONFIG_HIGHMEM there is nothing left to claim.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	if (!IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (; page < end; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(highmem_fallback, .init_on_alloc = init_pages, .init_on_free = init_pages);
