/* killed by: nothing_else_touched
 * The loop includes the end.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page <= end; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(one_page_too_many, .kernel_init_pages = kernel_init_pages);
