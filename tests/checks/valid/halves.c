/* recursion: clears a block by halves, down to 32 pages */
#include <clearfw/strategy.h>

static void clear_range(char *addr, unsigned int npages)
{
	unsigned int half = npages / 2;

	if (npages <= 32) {
		clear_pages(addr, npages);
		return;
	}
	clear_range(addr, half);
	clear_range(addr + half * PAGE_SIZE, npages - half);
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	if (numpages == 0)
		return true;
	kasan_disable_current();
	clear_range(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(halves, .init_on_alloc = init_pages, .init_on_free = init_pages);
