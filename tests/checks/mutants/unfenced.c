/* killed by: visible_on_return, only
 * clear_pages_incoherent() and no clear_page_make_coherent() after it.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		clear_pages_incoherent(kasan_reset_tag(kaddr), 1);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(unfenced, .kernel_init_pages = kernel_init_pages);
