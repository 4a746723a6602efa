/* killed by: zero_beyond_4_gib
 * Counts bytes in an int: from 2 GiB on it has wrapped.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	int nbytes = (int)((unsigned int)numpages << PAGE_SHIFT);

	kasan_disable_current();
	for (int at = 0; at < nbytes; at += PAGE_SIZE)
		clear_highpage_kasan_tagged(page++);
	kasan_enable_current();
}

CLEARFW_STRATEGY(byte_count_in_int, .kernel_init_pages = kernel_init_pages);
