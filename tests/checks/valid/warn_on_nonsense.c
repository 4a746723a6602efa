/* WARN_ON_ONCE() for a count that cannot be, and the work as ever */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	if (WARN_ON_ONCE(numpages < 0 || !page))
		return;
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(warn_on_nonsense, .kernel_init_pages = kernel_init_pages);
