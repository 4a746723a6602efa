/* killed by: highmem_mapped
 * kunmap_local() on two ways out, both of which are taken.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		clear_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(unmaps_twice, .kernel_init_pages = kernel_init_pages);
