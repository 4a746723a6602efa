/* own movnti stores, page by page through kmap_local_page(), a fence after each page */
#include <clearfw/strategy.h>

static void nt_page(char *at)
{
#ifdef CONFIG_X86_64
	for (char *end = at + PAGE_SIZE; at < end; at += 32)
		__asm__ volatile("movnti %1, (%0)\n\tmovnti %1, 8(%0)\n\tmovnti %1, 16(%0)\n\tmovnti %1, 24(%0)"
				 :
				 : "r"(at), "r"(0UL)
				 : "memory");
	__asm__ volatile("sfence" ::: "memory");
#else
	clear_page(at);
#endif
}

static bool init_pages(struct page *page, int numpages)
{
	for (struct page *end = page + numpages; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		nt_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	return true;
}

CLEARFW_STRATEGY(movnti_fence_per_page, .init_on_alloc = init_pages, .init_on_free = init_pages);
