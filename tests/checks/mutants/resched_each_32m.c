/* killed by: atomic_context
 * Cond_resched() between 32 MiB units, as clear_contig_highpages() has it: an init point may be
 * atomic.
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

#define UNIT ((32UL << 20) / PAGE_SIZE)
static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (unsigned long i = 0, n; i < numpages; i += n) {
		if (i)
			cond_resched();
		n = min(UNIT, numpages - i);
		clear_pages(addr + i * PAGE_SIZE, n);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(resched_each_32m, .init_on_alloc = init_pages, .init_on_free = init_pages);
