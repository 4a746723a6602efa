/* one file for all init points: blocks, lists and vmalloc areas */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_bulk(struct page **pages, int nr)
{
	kasan_disable_current();
	for (struct page **end = pages + nr; pages < end; pages++)
		clear_highpage_kasan_tagged(*pages);
	kasan_enable_current();
	return true;
}

static bool init_vmalloc(const void *start, unsigned long size)
{
	for (unsigned long at = 0; at < size; at += PAGE_SIZE)
		clear_page((char *)kasan_reset_tag(start) + at);
	return true;
}

CLEARFW_STRATEGY(blocks_lists_and_areas, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk,
		 .init_on_vmalloc = init_vmalloc);
