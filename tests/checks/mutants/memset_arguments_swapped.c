/* killed by: zero_on_alloc
 * memset(addr, size, 0): nothing is written at all.
 */
#include <clearfw/strategy.h>

static void zero(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), PAGE_SIZE, 0);
	kunmap_local(kaddr);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++)
		zero(page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(memset_arguments_swapped, .kernel_init_pages = kernel_init_pages);
