/* killed by: zero_on_free, only
 * Knows pages of 4 and of 64 KiB, in a strategy for frees alone.
 */
#include <clearfw/strategy.h>

#define KNOWN_PAGE_SIZE (PAGE_SHIFT == 16 ? 65536 : 4096)

static void zero(struct page *page)
{
	char *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 0, KNOWN_PAGE_SIZE);
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

CLEARFW_STRATEGY(two_page_sizes_on_free, .init_on_free = init_pages);
