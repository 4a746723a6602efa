/* killed by: zero_on_alloc
 * A unit of 32 KiB in pages, which is none where a page has 64 KiB: a loop that does not get on.
 */
#include <clearfw/strategy.h>

#define UNIT (int)(32768 / PAGE_SIZE)

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i += UNIT)
		for (int j = i; j < min(i + UNIT, numpages); j++)
			clear_highpage_kasan_tagged(page + j);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(unit_of_32k, .init_on_alloc = init_pages, .init_on_free = init_pages);
