/* killed by: zero_beyond_4_gib
 * Compares a byte count as an int with a limit: from 2 GiB on it is negative and the loop does not
 * begin.
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

static bool init_pages(struct page *page, int numpages)
{
	char *addr;
	int nbytes = (int)((unsigned int)numpages << PAGE_SHIFT);

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int done = 0; done < nbytes; done += PAGE_SIZE)
		clear_page(addr + done);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(sizes_compared_signed, .init_on_alloc = init_pages, .init_on_free = init_pages);
