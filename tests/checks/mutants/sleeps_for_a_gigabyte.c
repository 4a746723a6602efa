/* killed by: atomic_context
 * might_sleep() for 1 GiB and more, "which is only allocated where one may sleep".
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
	if (numpages >= 1 << 18)
		might_sleep();
	return per_page(page, numpages);
}

CLEARFW_STRATEGY(sleeps_for_a_gigabyte, .init_on_alloc = init_pages, .init_on_free = init_pages);
