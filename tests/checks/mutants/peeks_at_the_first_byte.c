/* killed by: kasan_generic_quiet
 * Reads one byte of a freed block to warm it, before the guard: KASAN reports the load.
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
	if (!IS_ENABLED(CONFIG_HIGHMEM) && numpages)
		(void)*(volatile char *)kasan_reset_tag(page_address(page));
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(peeks_at_the_first_byte, .init_on_alloc = per_page, .init_on_free = init_on_free);
