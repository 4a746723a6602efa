/* killed by: nothing_else_touched
 * Joins neighbours whichever way they go, and clears a falling run upwards from its first page.
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
	for (int i = 0, n; i < nr; i += n) {
		for (n = 1; i + n < nr; n++) {
			long step = pages[i + n] - pages[i + n - 1];

			if (step != 1 && step != -1)
				break;
		}
		clear_pages(kasan_reset_tag(page_address(pages[i])), (unsigned int)n);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(bulk_descending_run, .init_on_alloc = per_page, .init_on_free = per_page,
		 .init_bulk = init_bulk);
