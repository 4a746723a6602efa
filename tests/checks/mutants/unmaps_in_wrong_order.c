/* killed by: highmem_mapped
 * Maps two pages at a time, and unmaps the older first.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page + 1 < end; page += 2) {
		void *first = kmap_local_page(page), *second = kmap_local_page(page + 1);

		clear_page(kasan_reset_tag(first));
		clear_page(kasan_reset_tag(second));
		kunmap_local(first);
		kunmap_local(second);
	}
	if (page < end)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(unmaps_in_wrong_order, .kernel_init_pages = kernel_init_pages);
