/* killed by: atomic_context
 * cond_resched() after each 512 pages of a list: the bulk allocator holds a spinlock.
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
	for (int i = 0; i < nr; i++) {
		clear_highpage_kasan_tagged(pages[i]);
		if (i % 1024 == 1023)
			cond_resched();
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_sleeps_when_long, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
