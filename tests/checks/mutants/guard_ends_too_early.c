/* killed by: kasan_generic_quiet
 * Takes the guard back after 256 pages, and the memset() of the others is reported and does not
 * write.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		if (i == 256)
			kasan_enable_current();
		memset(kasan_reset_tag(kaddr), 0, PAGE_SIZE);
		kunmap_local(kaddr);
	}
	if (numpages <= 256)
		kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(guard_ends_too_early, .init_on_alloc = init_pages, .init_on_free = init_pages);
