/* killed by: highmem_mapped
 * page_address() of a HIGHMEM page, which is NULL.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(no_kmap, .init_on_alloc = init_pages, .init_on_free = init_pages);
