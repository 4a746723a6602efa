/* killed by: zero_in_bulk
 * Gathers 64 addresses at a time, and forgets those gathered last when the list is longer than
 * 256.
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
	void *addr[64];
	int held = 0;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int i = 0; i < nr; i++) {
		addr[held++] = kasan_reset_tag(page_address(pages[i]));
		if (held == 64 || (nr <= 256 && i == nr - 1))
			while (held)
				clear_page(addr[--held]);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_rest_of_a_table_lost, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
