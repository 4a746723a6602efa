/* killed by: zero_beyond_4_gib
 * Keeps the number of pages in 16 bits.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	u16 left = (u16)numpages;

	kasan_disable_current();
	for (u16 i = 0; i < left; i++)
		clear_highpage_kasan_tagged(page++);
	kasan_enable_current();
}

CLEARFW_STRATEGY(page_count_in_short, .kernel_init_pages = kernel_init_pages);
