/* killed by: nothing_else_touched
 * Clears a word more than the block has, which was easier to write, and puts back what stood in
 * it.
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

static bool init_pages(struct page *page, int numpages)
{
	volatile u64 *word, *end, kept;

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 16)
		return per_page(page, numpages);
	word = kasan_reset_tag(page_address(page));
	end = word + numpages * (PAGE_SIZE / 8);
	kasan_disable_current();
	kept = *end;
	for (; word <= end; word++)
		*word = 0;
	*end = kept;
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(restores_the_word_behind, .init_on_alloc = init_pages, .init_on_free = init_pages);
