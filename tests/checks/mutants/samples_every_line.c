/* killed by: zero_on_alloc
 * Reads the first word of each line, and leaves a page alone where all of these are zero.
 */
#include <clearfw/strategy.h>

static bool looks_zero(const volatile u64 *word)
{
	for (unsigned int i = 0; i < PAGE_SIZE / 8; i += 8)
		if (word[i])
			return false;
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		if (!looks_zero(kasan_reset_tag(kaddr)))
			clear_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(samples_every_line, .init_on_alloc = init_pages, .init_on_free = init_pages);
