/* serves frees only: what init_on_free needs and nothing else */
#include <clearfw/strategy.h>

static bool init_on_free(struct page *page, int numpages)
{
	kasan_disable_current();
	for (struct page *end = page + numpages; page < end; page++)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(free_only, .init_on_free = init_on_free);
