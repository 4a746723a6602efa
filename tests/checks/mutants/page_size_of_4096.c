/* killed by: zero_on_alloc
 * Writes 4096 for PAGE_SIZE: most of a 16 or 64 KiB page stays dirty.
 */
#include <clearfw/strategy.h>

static void zero(struct page *page)
{
	char *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 0, 4096);
	kunmap_local(kaddr);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		zero(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(page_size_of_4096, .init_on_alloc = init_pages, .init_on_free = init_pages);
