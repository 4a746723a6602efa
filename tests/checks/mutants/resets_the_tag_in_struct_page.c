/* killed by: arguments_untouched
 * Resets the tag of the page, where that of the address was meant.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		clear_highpage_kasan_tagged(page);
		page->kasan_tag = 0;
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(resets_the_tag_in_struct_page, .kernel_init_pages = kernel_init_pages);
