/* killed by: zero_on_alloc
 * Looks at the first word of a page, and takes the page for zero if that is.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);
		volatile u64 *word = kasan_reset_tag(kaddr);

		if (*word)
			clear_page((void *)word);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(first_dirty_word_decides, .init_on_alloc = init_pages, .init_on_free = init_pages);
