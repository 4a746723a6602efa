/* killed by: atomic_context, only
 * cond_resched() after each page: the caller may hold a spinlock.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		clear_highpage_kasan_tagged(page);
		cond_resched();
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(reschedules, .kernel_init_pages = kernel_init_pages);
