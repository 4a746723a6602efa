/* killed by: two_threads, only
 * Keeps its place in a static variable: two CPUs take it from each other.
 */
#include <clearfw/strategy.h>

static struct page *volatile next;

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (next = page; next < end; next++)
		clear_highpage_kasan_tagged(next);
	kasan_enable_current();
}

CLEARFW_STRATEGY(state_in_a_static, .kernel_init_pages = kernel_init_pages);
