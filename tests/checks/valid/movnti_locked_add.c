/* movnti stores, ordered by a locked add to the stack in place of a fence */
#include <clearfw/strategy.h>

static void nt_zero(char *at, unsigned long nbytes)
{
#ifdef CONFIG_X86_64
	for (unsigned long i = 0; i < nbytes; i += 8)
		__asm__ volatile("movnti %1, (%0)" : : "r"(at + i), "r"(0UL) : "memory");
	__asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	for (volatile u64 *word = (u64 *)at; (char *)word < at + nbytes; word++)
		*word = 0;
#endif
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	nt_zero(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(movnti_locked_add, .init_on_alloc = init_pages, .init_on_free = init_pages);
