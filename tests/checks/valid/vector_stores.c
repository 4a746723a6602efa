/* ordinary stores of 64 bytes, left in the cache */
#include <clearfw/strategy.h>

typedef u64 line __attribute__((vector_size(64)));

static void zero_lines(void *addr, unsigned long nbytes)
{
	volatile line *at = addr;

	for (unsigned long n = nbytes / sizeof(line); n; n--)
		*at++ = (line){ 0 };
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	zero_lines(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(vector_stores, .init_on_alloc = init_pages, .init_on_free = init_pages);
