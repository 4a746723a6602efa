/* killed by: kasan_depth_balanced
 * kasan_enable_current() once more than it was disabled.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
	kasan_enable_current();
}

CLEARFW_STRATEGY(guard_restored_twice, .kernel_init_pages = kernel_init_pages);
