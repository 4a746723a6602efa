/* claims under generic KASAN only, and leaves every production kernel to the next */
#include <clearfw/strategy.h>

static void clear_one(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	kasan_disable_current();
	memset(kaddr, 0, PAGE_SIZE);
	kasan_enable_current();
	kunmap_local(kaddr);
}

static bool init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	if (!IS_ENABLED(CONFIG_KASAN_GENERIC))
		return false;
	for (; page != end; ++page)
		clear_one(page);
	return true;
}

CLEARFW_STRATEGY(generic_kasan_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
