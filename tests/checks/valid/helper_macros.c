/* kernel helpers that a patch would use: SZ_2M, round_up, BUILD_BUG_ON, swap, pr_warn_once, folio */
#include <clearfw/strategy.h>

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	BUILD_BUG_ON(PAGE_SIZE < 4096);
	if (numpages >= SZ_2M / PAGE_SIZE && IS_ALIGNED(page_to_pfn(page), SZ_2M / PAGE_SIZE))
		return per_page(page, round_up(numpages, 1));
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(helper_macros, .init_on_alloc = init_pages, .init_on_free = init_pages);
