/* prefetches for writing one page ahead, past the end of the block too: a prefetch does not fault */
#include <clearfw/strategy.h>

static void clear_ahead(char *at, unsigned long nbytes)
{
	for (unsigned long i = 0; i < nbytes; i += 64) {
		prefetchw(at + i + PAGE_SIZE);
		for (int word = 0; word < 8; word++)
			((volatile u64 *)(at + i))[word] = 0;
	}
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	clear_ahead(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(prefetch_past_end, .init_on_alloc = init_pages, .init_on_free = init_pages);
