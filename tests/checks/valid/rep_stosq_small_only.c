/* inline rep stosq for one to four pages, the call for more */
#include <clearfw/strategy.h>

#define INLINE_PAGES 4

static __always_inline void stosq(void *addr, unsigned long words)
{
#ifdef CONFIG_X86_64
	__asm__ volatile("rep stosq" : "+D"(addr), "+c"(words) : "a"(0UL) : "memory");
#else
	clear_pages(addr, (unsigned int)(words * 8 / PAGE_SIZE));
#endif
}

static void clear_block(void *addr, int numpages)
{
	if (numpages <= INLINE_PAGES)
		stosq(addr, numpages * (PAGE_SIZE / 8));
	else
		clear_pages(addr, (unsigned int)numpages);
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	if (numpages < 1)
		return true;
	kasan_disable_current();
	clear_block(kasan_reset_tag(page_address(page)), numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(rep_stosq_small_only, .init_on_alloc = init_pages, .init_on_free = init_pages);
