/* killed by: visible_on_return
 * CLZERO with a fence after each whole 64 pages, and none after the rest.
 */
#include <clearfw/strategy.h>

static void zero_lines(char *at, unsigned long nbytes)
{
	for (char *end = at + nbytes; at < end; at += 64)
		__asm__ volatile("clzero" : : "a"(at) : "memory");
}

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
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	for (int i = 0; i < numpages; i++) {
		zero_lines(addr + i * PAGE_SIZE, PAGE_SIZE);
		if (i % 64 == 63)
			__asm__ volatile("sfence" ::: "memory");
	}
	return true;
}

CLEARFW_STRATEGY(clzero_unfenced_tail, .init_on_alloc = init_pages, .init_on_free = init_pages);
