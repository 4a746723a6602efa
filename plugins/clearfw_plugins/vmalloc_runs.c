/* SPDX-License-Identifier: MIT */
/*
 * One look-up and one primitive call for each physically contiguous run, through the
 * direct map. mm/vmalloc.c:vm_area_alloc_pages (7.3) takes the largest orders it can
 * get, so runs are long; and because it keeps them in area->pages[], a run is found
 * there, with no page-table walk: walking to see how far it goes would cost what it saves.
 */
#include <clearfw/strategy.h>

/*
 * HIGHMEM lies above lowmem, so a run whose last page is lowmem is lowmem
 * throughout. Batching lowmem on a CONFIG_HIGHMEM kernel goes beyond today's.
 */
static void clear_run(struct page *page, unsigned int npages)
{
	struct page *end = page + npages;

	if (!PageHighMem(end - 1)) {
		clear_pages(kasan_reset_tag(page_address(page)), npages);
		return;
	}
	for (; page < end; page++)
		clear_highpage_kasan_tagged(page);
}

static void init_vmalloc_pages(const void *start, unsigned long size)
{
	const char *addr = start;
	unsigned long left = DIV_ROUND_UP(size, PAGE_SIZE);

	while (left) {
		struct page *page;
		unsigned int npages = vmalloc_run(addr, (unsigned int)min_t(unsigned long, left, ~0u), &page);

		if (WARN_ON_ONCE(!npages))
			return;
		clear_run(page, npages);
		addr += npages * PAGE_SIZE;
		left -= npages;
	}
}

CLEARFW_STRATEGY(vmalloc_runs, .init_vmalloc_pages = init_vmalloc_pages);
