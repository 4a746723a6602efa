/* killed by: kasan_depth_balanced
 * kasan_disable_current() without kasan_enable_current().
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		clear_highpage_kasan_tagged(page);
}

CLEARFW_STRATEGY(guard_not_restored, .kernel_init_pages = kernel_init_pages);
