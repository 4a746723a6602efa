/* counts calls and pages in statics, atomically, as a patch that measures does */
#include <clearfw/strategy.h>

static unsigned long calls, pages_cleared;

static void account(int numpages)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&pages_cleared, (unsigned long)numpages, __ATOMIC_RELAXED);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	account(numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(atomic_statistics, .kernel_init_pages = kernel_init_pages);
