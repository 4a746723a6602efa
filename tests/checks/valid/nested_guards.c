/* guards the loop and each page again: suppression nests */
#include <clearfw/strategy.h>

static void clear_one(struct page *page)
{
	kasan_disable_current();
	clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

static void kernel_init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_one(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(nested_guards, .kernel_init_pages = kernel_init_pages);
