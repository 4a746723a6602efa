/* with HIGHMEM asks every page for its zone: lowmem directly, HIGHMEM through kmap */
#include <clearfw/strategy.h>

static void clear_one(struct page *page)
{
	void *kaddr;

	if (!PageHighMem(page)) {
		clear_page(kasan_reset_tag(page_address(page)));
		return;
	}
	kaddr = kmap_local_page(page);
	clear_page(kasan_reset_tag(kaddr));
	kunmap_local(kaddr);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_one(page + i);
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	kasan_disable_current();
	for (int i = 0; i < nr; i++)
		clear_one(pages[i]);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(zone_by_page, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
