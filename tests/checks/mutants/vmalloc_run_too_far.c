/* killed by: vmalloc_scattered
 * Asks how long a run is and goes on by what it had asked for.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start;
	unsigned long left = DIV_ROUND_UP(size, PAGE_SIZE);

	while (left) {
		struct page *page;
		unsigned int most = (unsigned int)min_t(unsigned long, left, 8);
		unsigned int n = vmalloc_run(addr, most, &page);

		for (unsigned int i = 0; i < n; i++)
			clear_highpage_kasan_tagged(page + i);
		addr += most * PAGE_SIZE;
		left -= most;
	}
}

CLEARFW_STRATEGY(vmalloc_run_too_far, .init_vmalloc_pages = init_vmalloc);
