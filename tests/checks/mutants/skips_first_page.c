/* killed by: zero_on_alloc
 * The loop moves on before it clears.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	while (++page < end)
		clear_highpage_kasan_tagged(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(skips_first_page, .kernel_init_pages = kernel_init_pages);
