/* killed by: nothing_else_touched
 * Rounds the number of pages up to whole units of eight.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < ALIGN(numpages, 8); i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(rounds_up, .init_on_alloc = init_pages, .init_on_free = init_pages);
