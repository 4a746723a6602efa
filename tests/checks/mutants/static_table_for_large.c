/* killed by: two_threads
 * A static table of addresses for blocks above 64 pages, because the stack is small.
 */
#include <clearfw/strategy.h>

static void *table[1024];

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
	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages <= 64 || numpages > 1024)
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		table[i] = kasan_reset_tag(page_address(page + i));
	for (int i = 0; i < numpages; i++)
		clear_page(table[i]);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(static_table_for_large, .init_on_alloc = init_pages, .init_on_free = init_pages);
