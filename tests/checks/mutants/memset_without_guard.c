/* killed by: kasan_generic_quiet, only
 * memset() of pages that KASAN has poisoned, and nothing around it.
 */
#include <clearfw/strategy.h>

static void zero(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 0, PAGE_SIZE);
	kunmap_local(kaddr);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	for (; page < end; page++)
		zero(page);
}

CLEARFW_STRATEGY(memset_without_guard, .kernel_init_pages = kernel_init_pages);
