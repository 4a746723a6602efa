/* killed by: zero_in_bulk
 * Keeps the length of a list in a byte: of 256 pages and more the first few are cleared.
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
	u8 left = (u8)nr;

	kasan_disable_current();
	for (; left; left--, pages++)
		clear_highpage_kasan_tagged(*pages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_count_in_byte, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
