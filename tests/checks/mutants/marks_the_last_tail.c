/* killed by: arguments_untouched
 * Notes in the last struct page of a block of 128 and more that it was cleared.
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

static bool init_pages(struct page *page, int numpages)
{
	bool done = per_page(page, numpages);

	if (numpages >= 128)
		page[numpages - 1].mapcount = 1;
	return done;
}

CLEARFW_STRATEGY(marks_the_last_tail, .init_on_alloc = init_pages, .init_on_free = init_pages);
