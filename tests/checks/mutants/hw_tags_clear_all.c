/* killed by: zero_on_gfp_zero, only
 * Believes that under HW_TAGS the page allocator clears lowmem with its tags, which it does not for
 * __GFP_SKIP_KASAN.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_KASAN_HW_TAGS) && !PageHighMem(page))
		return true;
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(hw_tags_clear_all, .init_on_alloc = init_pages);
