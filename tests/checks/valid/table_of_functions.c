/* a static const table of functions: one for single pages, one for small blocks, one for large */
#include <clearfw/strategy.h>

static void clear_single(char *addr, int n)
{
	clear_page(addr);
}

static void clear_small(char *addr, int n)
{
	for (int i = 0; i < n; i++)
		clear_page(addr + i * PAGE_SIZE);
}

static void clear_large(char *addr, int n)
{
	clear_pages(addr, (unsigned int)n);
}

static void (*const ways[])(char *addr, int n) = { clear_single, clear_small, clear_large };

static bool init_pages(struct page *page, int numpages)
{
	int way = numpages == 1 ? 0 : numpages < 24 ? 1 : 2;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	ways[way](kasan_reset_tag(page_address(page)), numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(table_of_functions, .init_on_alloc = init_pages, .init_on_free = init_pages);
