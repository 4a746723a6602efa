/* killed by: visible_on_return
 * sfence first and the non-temporal stores behind it.
 */
#include <clearfw/strategy.h>

static void nt_zero(char *at, unsigned long nbytes)
{
	__asm__ volatile("sfence" ::: "memory");
	for (unsigned long i = 0; i < nbytes; i += 8)
		__asm__ volatile("movnti %1, (%0)" : : "r"(at + i), "r"(0UL) : "memory");
}

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	nt_zero(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	return true;
}

CLEARFW_STRATEGY(fence_before_the_stores, .init_on_alloc = init_pages, .init_on_free = init_pages);
