/* killed by: zero_beyond_4_gib
 * Own stores, and the number of bytes in a u32: of 4 GiB and one page, one page is cleared.
 */
#include <clearfw/strategy.h>

static void stosq(void *addr, u32 nbytes)
{
	unsigned long words = nbytes / 8;

	__asm__ volatile("rep stosq" : "+D"(addr), "+c"(words) : "a"(0UL) : "memory");
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
	stosq(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	return true;
}

CLEARFW_STRATEGY(own_bytes_in_u32, .init_on_alloc = init_pages, .init_on_free = init_pages);
