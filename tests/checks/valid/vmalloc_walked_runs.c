/* walks for every page and clears neighbours together, HIGHMEM through kmap */
#include <clearfw/strategy.h>

static void clear_run(struct page *page, unsigned int n)
{
	if (n && !IS_ENABLED(CONFIG_HIGHMEM)) {
		clear_pages(kasan_reset_tag(page_address(page)), n);
		return;
	}
	for (; n; n--)
		clear_highpage_kasan_tagged(page++);
}

static void init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start, *end = addr + size;
	struct page *first = NULL;
	unsigned int n = 0;

	for (; addr < end; addr += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr);

		if (page != first + n) {
			clear_run(first, n);
			first = page;
			n = 0;
		}
		n++;
	}
	clear_run(first, n);
}

CLEARFW_STRATEGY(vmalloc_walked_runs, .init_vmalloc_pages = init_vmalloc);
