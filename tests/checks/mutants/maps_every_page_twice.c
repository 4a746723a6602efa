/* killed by: kmaps_as_few_as_pages, only
 * Maps each page once to prefetch it and once more to clear it.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		prefetchw(kaddr);
		kunmap_local(kaddr);
		clear_highpage_kasan_tagged(page);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(maps_every_page_twice, .kernel_init_pages = kernel_init_pages);
