/* maps up to four pages, clears them, unmaps the newest first */
#include <clearfw/strategy.h>

static void clear_group(struct page *page, int n)
{
	void *kaddr[4];

	for (int i = 0; i < n; i++)
		kaddr[i] = kmap_local_page(page + i);
	for (int i = 0; i < n; i++)
		clear_page(kasan_reset_tag(kaddr[i]));
	while (n--)
		kunmap_local(kaddr[n]);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i += 4)
		clear_group(page + i, min(numpages - i, 4));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(four_kmaps, .init_on_alloc = init_pages, .init_on_free = init_pages);
