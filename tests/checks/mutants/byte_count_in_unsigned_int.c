/* killed by: zero_beyond_4_gib, only
 * Counts bytes in an unsigned int: 4 GiB are none.
 */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	unsigned int nbytes = (unsigned int)numpages << PAGE_SHIFT;

	kasan_disable_current();
	for (; nbytes; nbytes -= PAGE_SIZE)
		clear_highpage_kasan_tagged(page++);
	kasan_enable_current();
}

CLEARFW_STRATEGY(byte_count_in_unsigned_int, .kernel_init_pages = kernel_init_pages);
