/* non-temporal stores for lists only, and one fence for all of a list */
#include <clearfw/strategy.h>

static void nt_page(char *at)
{
	for (unsigned long i = 0; i < PAGE_SIZE; i += 8) {
#ifdef CONFIG_X86_64
		__asm__ volatile("movnti %1, (%0)" : : "r"(at + i), "r"(0UL) : "memory");
#else
		*(volatile u64 *)(at + i) = 0;
#endif
	}
}

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
	for (int i = 0; i < nr; i++) {
		void *kaddr = kmap_local_page(pages[i]);

		nt_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
#ifdef CONFIG_X86_64
	__asm__ volatile("sfence" ::: "memory");
#endif
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(nt_list_one_fence, .init_on_alloc = init_pages, .init_on_free = init_pages, .init_bulk = init_bulk);
