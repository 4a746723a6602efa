/* the far right, the far left, and the pages round the middle last: the shape of a huge fault's clear */
#include <clearfw/strategy.h>

#define RADIUS 2

static void clear_span(char *addr, int from, int to)
{
	if (from < to)
		clear_pages(addr + from * PAGE_SIZE, (unsigned int)(to - from));
}

static bool init_pages(struct page *page, int numpages)
{
	int middle = numpages / 2;
	int low = max(middle - RADIUS, 0);
	int high = min(middle + RADIUS + 1, numpages);
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	clear_span(addr, high, numpages);
	clear_span(addr, 0, low);
	clear_span(addr, low, high);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(middle_last, .init_on_alloc = init_pages, .init_on_free = init_pages);
