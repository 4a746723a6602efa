/* killed by: zero_on_alloc
 * Forgets that a block has more than one page.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	(void)numpages;

	kasan_disable_current();
	clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(order_0_only, .kernel_init_pages = kernel_init_pages);
