/* killed by: zero_on_free
 * At MAX_PAGE_ORDER clears 1 << (order - 1) pages, on free alone.
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

static bool init_on_free(struct page *page, int numpages)
{
	return per_page(page, numpages == 1024 ? 512 : numpages);
}

CLEARFW_STRATEGY(max_order_block_only_half, .init_on_alloc = per_page, .init_on_free = init_on_free);
