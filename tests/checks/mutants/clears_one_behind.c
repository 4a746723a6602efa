/* killed by: zero_on_alloc
 * Keeps a block in a static and clears it with the next one, which then waits in its place.
 */
#include <clearfw/strategy.h>

static struct page *waiting;

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
	if (numpages != 2)
		return per_page(page, numpages);
	page = __atomic_exchange_n(&waiting, page, __ATOMIC_RELAXED) ?: page;
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(clears_one_behind, .init_on_alloc = init_pages, .init_on_free = init_pages);
