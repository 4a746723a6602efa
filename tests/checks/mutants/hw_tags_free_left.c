/* killed by: zero_on_free
 * Leaves frees under HW_TAGS to the tags, which come with zeroes on the other side alone.
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
	if (IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return true;
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(hw_tags_free_left, .init_on_alloc = per_page, .init_on_free = init_on_free);
