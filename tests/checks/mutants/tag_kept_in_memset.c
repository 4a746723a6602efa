/* killed by: kasan_tag_reset
 * memset() at the tagged address, and no guard around it.
 */
#include <clearfw/strategy.h>

static void zero(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kaddr, 0, PAGE_SIZE);
	kunmap_local(kaddr);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		kasan_disable_current();
	for (; page < end; page++)
		zero(page);
	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		kasan_enable_current();
}

CLEARFW_STRATEGY(tag_kept_in_memset, .kernel_init_pages = kernel_init_pages);
