/* killed by: visible_on_return
 * Own movnti stores for 8 pages and more, fence forgotten in that branch alone.
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
static void nt_zero(void *addr, unsigned long bytes)
{
	for (unsigned long i = 0; i < bytes; i += 8)
		__asm__ volatile("movnti %1, (%0)" :: "r"((char *)addr + i), "r"(0UL) : "memory");
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 8)
		return per_page(page, numpages);
	nt_zero(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	return true;
}

CLEARFW_STRATEGY(nt_unfenced_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
