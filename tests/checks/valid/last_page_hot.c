/* own non-temporal stores with a fence, and clear_page() for the last page, to have it in the cache */
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
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 2)
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	nt_zero(addr, (numpages - 1) * PAGE_SIZE);
	__asm__ volatile("sfence" ::: "memory");
	kasan_disable_current();
	clear_page(addr + (numpages - 1) * PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(last_page_hot, .init_on_alloc = init_pages, .init_on_free = init_pages);
