/* looks first, and writes only to pages that are not zero */
#include <clearfw/strategy.h>

static bool is_zero(const u64 *p) { for (unsigned i = 0; i < PAGE_SIZE / 8; i++) if (p[i]) return false; return true; }
static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i), *at = kasan_reset_tag(kaddr);

		if (!is_zero(at))
			clear_page(at);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(skips_zero_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
