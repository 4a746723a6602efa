/* killed by: kasan_generic_quiet
 * On free looks for zero pages by plain loads without the guard: KASAN reports each (documented
 * limit).
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

static bool is_zero(const u64 *p) { for (unsigned i = 0; i < PAGE_SIZE / 8; i++) if (p[i]) return false; return true; }
static bool init_free(struct page *page, int numpages)
{
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);
		bool zero = is_zero(kasan_reset_tag(kaddr));

		kunmap_local(kaddr);
		if (!zero)
			per_page(page + i, 1);
	}
	return true;
}

CLEARFW_STRATEGY(loads_poisoned, .init_on_alloc = per_page, .init_on_free = init_free);
