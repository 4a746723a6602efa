/* own rep stosb over the whole block, kmap for each page with HIGHMEM */
#include <clearfw/strategy.h>

static void stosb(void *addr, unsigned long nbytes)
{
#ifdef CONFIG_X86_64
	__asm__ volatile("rep stosb" : "+D"(addr), "+c"(nbytes) : "a"(0) : "memory");
#else
	for (volatile u64 *at = addr, *end = at + nbytes / 8; at < end; at++)
		*at = 0;
#endif
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	if (!IS_ENABLED(CONFIG_HIGHMEM)) {
		stosb(kasan_reset_tag(page_address(page)), (unsigned long)numpages << PAGE_SHIFT);
	} else {
		for (int i = 0; i < numpages; i++) {
			void *kaddr = kmap_local_page(page + i);

			stosb(kasan_reset_tag(kaddr), PAGE_SIZE);
			kunmap_local(kaddr);
		}
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(rep_stosb, .init_on_alloc = init_pages, .init_on_free = init_pages);
