/* killed by: zero_in_bulk
 * Takes a list to end with NULL, as an argv does.
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

static bool init_bulk(struct page **pages, int nr)
{
	kasan_disable_current();
	while (*pages)
		clear_highpage_kasan_tagged(*pages++);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_until_null, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
