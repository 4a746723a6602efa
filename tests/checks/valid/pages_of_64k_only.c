/* claims on kernels with 64 KiB pages only, where one page is a batch of its own */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (PAGE_SHIFT != 16)
		return false;
	kasan_disable_current();
	while (numpages-- > 0)
		clear_highpage_kasan_tagged(page++);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(pages_of_64k_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
