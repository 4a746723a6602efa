/* thresholds that are no power of two: 3 pages, 37 pages, 300 pages */
#include <clearfw/strategy.h>

static void each(char *addr, int n, int unit)
{
	for (int i = 0; i < n; i += unit)
		clear_pages(addr + i * PAGE_SIZE, (unsigned int)min(unit, n - i));
}

static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	if (numpages < 3)
		each(addr, numpages, 1);
	else if (numpages <= 37)
		each(addr, numpages, 7);
	else if (numpages < 300)
		each(addr, numpages, 75);
	else
		each(addr, numpages, 300);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(odd_thresholds, .init_on_alloc = init_pages, .init_on_free = init_pages);
