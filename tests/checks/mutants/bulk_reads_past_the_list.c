/* killed by: arguments_untouched
 * Looks at the next page of a list to see whether it is a neighbour, at the last one too.
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

static bool init_bulk(struct page **pages, int nr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int i = 0; i < nr; i++) {
		bool pair = pages[i + 1] == pages[i] + 1;

		clear_pages(kasan_reset_tag(page_address(pages[i])), pair && i + 1 < nr ? 2 : 1);
		i += pair && i + 1 < nr;
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_reads_past_the_list, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
