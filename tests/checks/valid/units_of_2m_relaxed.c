/* units of 2 MiB with cpu_relax() between them, no rescheduling */
#include <clearfw/strategy.h>

#define UNIT (int)((2UL << 20) / PAGE_SIZE)

#ifndef cpu_relax
#define cpu_relax() barrier()
#endif

static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int done = 0, n; done < numpages; done += n) {
		if (done)
			cpu_relax();
		n = min(UNIT, numpages - done);
		clear_pages(addr + done * PAGE_SIZE, (unsigned int)n);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(units_of_2m_relaxed, .init_on_alloc = init_pages, .init_on_free = init_pages);
