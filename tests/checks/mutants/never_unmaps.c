/* killed by: highmem_mapped
 * kmap_local_page() without kunmap_local().
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		clear_page(kasan_reset_tag(kmap_local_page(page)));
	kasan_enable_current();
}

CLEARFW_STRATEGY(never_unmaps, .kernel_init_pages = kernel_init_pages);
