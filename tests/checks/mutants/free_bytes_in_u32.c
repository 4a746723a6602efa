/* killed by: zero_beyond_4_gib
 * Counts bytes in 32 bits on free alone, where a gigantic page comes back as one block too.
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
	u32 nbytes = (u32)numpages << PAGE_SHIFT;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	kasan_disable_current();
	if (nbytes)
		clear_pages(kasan_reset_tag(page_address(page)), nbytes >> PAGE_SHIFT);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(free_bytes_in_u32, .init_on_alloc = per_page, .init_on_free = init_on_free);
