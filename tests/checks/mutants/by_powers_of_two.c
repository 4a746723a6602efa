/* killed by: any_count
 * Unrolls by the order, and so clears the power of two below the number of pages.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	int order = 31 - __builtin_clz((unsigned int)numpages | 1);

	kasan_disable_current();
	for (int i = 0; numpages && i < 1 << order; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(by_powers_of_two, .kernel_init_pages = kernel_init_pages);
