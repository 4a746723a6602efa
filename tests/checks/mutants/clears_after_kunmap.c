/* killed by: highmem_mapped, only
 * Unmaps before it clears.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		kunmap_local(kaddr);
		clear_page(kasan_reset_tag(kaddr));
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(clears_after_kunmap, .kernel_init_pages = kernel_init_pages);
