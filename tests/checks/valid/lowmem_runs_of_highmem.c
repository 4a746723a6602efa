/* batches lowmem on a HIGHMEM kernel too: runs of lowmem by one call, HIGHMEM page by page */
#include <clearfw/strategy.h>

static int lowmem_run(struct page *page, int n)
{
	int run = 0;

	while (run < n && !PageHighMem(page + run))
		run++;
	return run;
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	while (numpages > 0) {
		int run = lowmem_run(page, numpages);

		if (run) {
			clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)run);
		} else {
			clear_highpage_kasan_tagged(page);
			run = 1;
		}
		page += run;
		numpages -= run;
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(lowmem_runs_of_highmem, .init_on_alloc = init_pages, .init_on_free = init_pages);
