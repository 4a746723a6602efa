/* both halves in one function: a range without HIGHMEM, page by page with it */
#include <clearfw/strategy.h>

static void clear_range_tagged(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM)) {
		for (int i = 0; i < numpages; i++)
			clear_highpage_kasan_tagged(page + i);
		return;
	}
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	/* s390's clear_page() is a memset() */
	kasan_disable_current();
	clear_range_tagged(page, numpages);
	kasan_enable_current();
}

CLEARFW_STRATEGY(merged_helper, .kernel_init_pages = kernel_init_pages);
