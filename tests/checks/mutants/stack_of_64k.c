/* killed by: zero_on_alloc
 * An array of 4096 page pointers with their addresses on a 16 KiB kernel stack.
 */
#include <clearfw/strategy.h>

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static noinline void clear_all(void **addr, int n) { for (int i = 0; i < n; i++) clear_page(addr[i]); }
static bool init_pages(struct page *page, int numpages)
{
	void *addr[8192];

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages > 8192)
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		addr[i] = kasan_reset_tag(page_address(page + i));
	clear_all(addr, numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(stack_of_64k, .init_on_alloc = init_pages, .init_on_free = init_pages);
