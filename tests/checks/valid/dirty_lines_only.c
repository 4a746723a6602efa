/* reads every line and stores to those alone that are not zero, KASAN silenced for the reads */
#include <clearfw/strategy.h>

static void clean_line(volatile u64 *line)
{
	u64 any = 0;

	for (int i = 0; i < 8; i++)
		any |= line[i];
	if (!any)
		return;
	for (int i = 0; i < 8; i++)
		line[i] = 0;
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		char *kaddr = kmap_local_page(page + i);

		for (unsigned long off = 0; off < PAGE_SIZE; off += 64)
			clean_line(kasan_reset_tag(kaddr + off));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(dirty_lines_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
