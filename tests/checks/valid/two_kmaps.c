/* maps two pages at a time, newest unmapped first */
#include <clearfw/strategy.h>

static void pair(struct page *page)
{
	void *a = kmap_local_page(page), *b = kmap_local_page(page + 1);

	clear_page(kasan_reset_tag(a));
	clear_page(kasan_reset_tag(b));
	kunmap_local(b);
	kunmap_local(a);
}
static bool init_pages(struct page *page, int numpages)
{
	int i;

	kasan_disable_current();
	for (i = 0; i + 2 <= numpages; i += 2)
		pair(page + i);
	if (i < numpages)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(two_kmaps, .init_on_alloc = init_pages, .init_on_free = init_pages);
