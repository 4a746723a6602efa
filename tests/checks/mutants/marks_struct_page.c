/* killed by: arguments_untouched, only
 * Notes in page->private that the page is zero.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		clear_highpage_kasan_tagged(page);
		page->private = 1;
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(marks_struct_page, .kernel_init_pages = kernel_init_pages);
