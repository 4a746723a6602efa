/* killed by: zero_on_alloc
 * sizeof() of a pointer, where the size of a page was meant.
 */
#include <clearfw/strategy.h>

static void zero(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kasan_reset_tag(kaddr), 0, sizeof(kaddr));
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

CLEARFW_STRATEGY(pointer_size_for_page_size, .kernel_init_pages = kernel_init_pages);
