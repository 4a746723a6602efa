/* claims under KASAN_SW_TAGS only, page by page with a checked memset() */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	if (!IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		return false;
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		memset(kasan_reset_tag(kaddr), 0, PAGE_SIZE);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(sw_tags_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
