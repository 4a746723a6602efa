/* killed by: kasan_tag_reset, only
 * Clears at page_address() as it is, tag and all.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		clear_highpage(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(tag_kept, .kernel_init_pages = kernel_init_pages);
