/* killed by: zero_beyond_4_gib
 * Own rep stosq, unit capped at 1<<18 pages (1 GiB) and nothing after it.
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
static void stos(void *addr, unsigned long bytes)
{
	unsigned long n = bytes / 8;
	__asm__ volatile("rep stosq" : "+c"(n), "+D"(addr) : "a"(0UL) : "memory");
}

#define MAX_UNIT (1 << 18)
static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	stos(kasan_reset_tag(page_address(page)), min(numpages, MAX_UNIT) * PAGE_SIZE);
	return true;
}

CLEARFW_STRATEGY(own_stores_1g_at_most, .init_on_alloc = init_pages, .init_on_free = init_pages);
