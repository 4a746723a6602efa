/* killed by: any_count, only
 * A do-while loop: asked for no page it clears one.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	do
		clear_highpage_kasan_tagged(page);
	while (++page < end);
	kasan_enable_current();
}

CLEARFW_STRATEGY(clears_before_it_asks, .kernel_init_pages = kernel_init_pages);
