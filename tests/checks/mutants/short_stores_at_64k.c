/* killed by: zero_on_alloc
 * Byte offsets within a page in 16 bits: with 64 KiB pages the end of a page is 0, and nothing is
 * stored.
 */
#include <clearfw/strategy.h>

static void zero_page(char *at)
{
	u16 end = (u16)PAGE_SIZE;

	for (u16 off = 0; off != end; off += 64)
		for (int word = 0; word < 8; word++)
			((volatile u64 *)(at + off))[word] = 0;
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		zero_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(short_stores_at_64k, .init_on_alloc = init_pages, .init_on_free = init_pages);
