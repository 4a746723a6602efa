/* killed by: frame_size, only
 * Gathers the addresses of up to 512 pages on the stack, and so takes 4 KiB of it.
 */
#include <clearfw/strategy.h>

static noinline void clear_each(void **addr, int n)
{
	while (n--)
		clear_page(addr[n]);
}

static bool init_pages(struct page *page, int numpages)
{
	void *addr[512];

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages > (int)ARRAY_SIZE(addr))
		return false;
	for (int i = 0; i < numpages; i++)
		addr[i] = kasan_reset_tag(page_address(page + i));
	kasan_disable_current();
	clear_each(addr, numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(large_frame, .init_on_alloc = init_pages, .init_on_free = init_pages);
