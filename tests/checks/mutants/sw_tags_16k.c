/* killed by: zero_on_alloc
 * The KASAN branch knows pages of 4 and 64 KiB; arm64 has 16 KiB with sw_tags.
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

#define KNOWN (PAGE_SHIFT == 16 ? 65536 : 4096)
static bool init_pages(struct page *page, int numpages)
{
	if (!IS_ENABLED(CONFIG_KASAN))
		return per_page(page, numpages);
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		memset(kasan_reset_tag(kaddr), 0, KNOWN);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(sw_tags_16k, .init_on_alloc = init_pages, .init_on_free = init_pages);
