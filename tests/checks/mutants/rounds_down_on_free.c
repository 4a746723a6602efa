/* killed by: nothing_else_touched, only
 * Clears in units of eight pages, from where the unit begins: what lies before the block is lost.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool on_free(struct page *page, int numpages)
{
	int before = (int)(page_to_pfn(page) % 8);

	return init_pages(page - before, numpages + before);
}

CLEARFW_STRATEGY(rounds_down_on_free, .init_on_alloc = init_pages, .init_on_free = on_free);
