/* own movnti stores and one sfence, kmap with HIGHMEM */
#include <clearfw/strategy.h>

static void nt_zero(void *addr, unsigned long bytes)
{
	for (unsigned long i = 0; i < bytes; i += 8)
		__asm__ volatile("movnti %1, (%0)" :: "r"((char *)addr + i), "r"(0UL) : "memory");
}

static bool init_pages(struct page *page, int numpages)
{
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		nt_zero(kasan_reset_tag(kaddr), PAGE_SIZE);
		kunmap_local(kaddr);
	}
	__asm__ volatile("sfence" ::: "memory");
	return true;
}

CLEARFW_STRATEGY(nt_fenced, .init_on_alloc = init_pages, .init_on_free = init_pages);
