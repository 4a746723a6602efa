/* killed by: zero_on_alloc
 * The loop ends one page early.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end - 1; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(skips_last_page, .kernel_init_pages = kernel_init_pages);
