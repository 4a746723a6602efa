/* killed by: zero_on_alloc
 * Fills with 0x01, a test pattern that was left in.
 */
#include <clearfw/strategy.h>

static void fill(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 1, PAGE_SIZE);
	kunmap_local(kaddr);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		fill(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(clears_with_ones, .kernel_init_pages = kernel_init_pages);
