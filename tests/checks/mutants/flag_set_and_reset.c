/* killed by: arguments_untouched
 * Sets a flag in struct page while it clears and resets it: another CPU reads the flags in
 * between.
 */
#include <clearfw/strategy.h>

#define PG_clearing (1u << 20)

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
	bool done;

	page->flags |= PG_clearing;
	done = per_page(page, numpages);
	page->flags &= ~PG_clearing;
	return done;
}

CLEARFW_STRATEGY(flag_set_and_reset, .init_on_alloc = init_pages, .init_on_free = init_pages);
