/* killed by: zero_on_alloc
 * Skips tail pages with a magic number in page->private, a field that others leave dirty.
 */
#include <clearfw/strategy.h>

#define MAGIC_ZEROED 0x5a45524f

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		if (!i || page[i].private != MAGIC_ZEROED)
			clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(skips_marked_tails, .init_on_alloc = init_pages, .init_on_free = init_pages);
