/* an area through its own address with rep stosq, its last page whole */
#include <clearfw/strategy.h>

static void stosq(void *addr, unsigned long nbytes)
{
#ifdef CONFIG_X86_64
	unsigned long words = nbytes / 8;

	__asm__ volatile("rep stosq" : "+D"(addr), "+c"(words) : "a"(0UL) : "memory");
#else
	for (unsigned long i = 0; i < nbytes; i += PAGE_SIZE)
		clear_page((char *)addr + i);
#endif
}

static void init_vmalloc(const void *start, unsigned long size)
{
	stosq(kasan_reset_tag(start), PAGE_ALIGN(size));
}

CLEARFW_STRATEGY(vmalloc_rep_stosq, .init_vmalloc_pages = init_vmalloc);
