/* killed by: vmalloc_scattered
 * Takes an area of 2 MiB and more to lie under huge leaves, one walk for each 512 pages.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start, *end = addr + size;
	unsigned long leaf = IS_ENABLED(CONFIG_HIGHMEM) || size < (2UL << 20) ? 1 : (2UL << 20) / PAGE_SIZE;

	for (; addr < end; addr += leaf * PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr);
		unsigned long n = min(leaf, DIV_ROUND_UP((unsigned long)(end - addr), PAGE_SIZE));

		for (unsigned long i = 0; i < n; i++)
			clear_highpage_kasan_tagged(page + i);
	}
}

CLEARFW_STRATEGY(vmalloc_huge_by_size, .init_vmalloc_pages = init_vmalloc);
