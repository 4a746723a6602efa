/* clears pages of a list that follow one another by one call, in the list's own order */
#include <clearfw/strategy.h>

static int run_at(struct page **pages, int nr)
{
	int n = 1;

	while (n < nr && page_to_pfn(pages[n]) == page_to_pfn(pages[n - 1]) + 1)
		n++;
	return n;
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	while (nr > 0) {
		int n = run_at(pages, nr);

		clear_pages_incoherent(kasan_reset_tag(page_address(*pages)), (unsigned int)n);
		pages += n;
		nr -= n;
	}
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(list_runs, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
