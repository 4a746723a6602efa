/* four pages of a list a turn, the next four prefetched, and the rest one by one */
#include <clearfw/strategy.h>

static void clear_one(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	clear_pages_incoherent(kasan_reset_tag(kaddr), 1);
	kunmap_local(kaddr);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_one(page + i);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	int i = 0;

	kasan_disable_current();
	for (; i + 4 <= nr; i += 4) {
		if (i + 4 < nr)
			prefetchw(pages[i + 4]);
		clear_one(pages[i]);
		clear_one(pages[i + 1]);
		clear_one(pages[i + 2]);
		clear_one(pages[i + 3]);
	}
	for (; i < nr; i++)
		clear_one(pages[i]);
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(list_by_four, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
