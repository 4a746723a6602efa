/* killed by: two_threads
 * A static scratch pointer used for single pages only: two CPUs take it from each other.
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

static void *volatile scratch;
static bool init_pages(struct page *page, int numpages)
{
	if (numpages != 1)
		return per_page(page, numpages);
	kasan_disable_current();
	scratch = kmap_local_page(page);
	clear_page(kasan_reset_tag(scratch));
	kunmap_local(scratch);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(static_for_single_pages, .init_on_alloc = init_pages, .init_on_free = init_pages);
