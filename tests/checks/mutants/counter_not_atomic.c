/* killed by: two_threads
 * Counts pages in a static with ++: two CPUs lose each other's counts.
 */
#include <clearfw/strategy.h>

static unsigned long cleared;

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
	cleared += numpages;
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(counter_not_atomic, .init_on_alloc = init_pages, .init_on_free = init_pages);
