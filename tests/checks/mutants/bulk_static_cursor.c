/* killed by: two_threads
 * A static cursor in the list's loop: two CPUs take it from each other.
 */
#include <clearfw/strategy.h>

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static int volatile at;
static bool init_bulk(struct page **pages, int nr)
{
	kasan_disable_current();
	for (at = 0; at < nr; at++)
		clear_highpage_kasan_tagged(pages[at]);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_static_cursor, .init_on_alloc = per_page, .init_on_free = per_page, .init_bulk = init_bulk);
