/* CLZERO line by line where CPUID has it, one fence at the end; else one call of the primitive */
#include <clearfw/strategy.h>

#ifdef CONFIG_X86_64
#include <cpuid.h>

static bool has_clzero(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) && (ebx & 1);
}

static void zero_lines(char *at, unsigned long nbytes)
{
	for (char *end = at + nbytes; at < end; at += 64)
		__asm__ volatile("clzero" : : "a"(at) : "memory");
	__asm__ volatile("sfence" ::: "memory");
}
#else
static bool has_clzero(void)
{
	return false;
}

static void zero_lines(char *at, unsigned long nbytes)
{
}
#endif

static bool init_pages(struct page *page, int numpages)
{
	void *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	if (has_clzero())
		zero_lines(addr, numpages * PAGE_SIZE);
	else if (numpages)
		clear_pages(addr, (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(clzero_lines, .init_on_alloc = init_pages, .init_on_free = init_pages);
