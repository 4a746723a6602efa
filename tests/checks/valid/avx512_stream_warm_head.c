/* AVX-512 streaming stores for all but the first page, which clear_page() leaves in the cache */
#include <clearfw/strategy.h>

#ifdef CONFIG_X86_64
#include <immintrin.h>

__attribute__((target("avx512f"))) static void stream(char *at, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i += 64)
		_mm512_stream_si512((__m512i *)(at + i), _mm512_setzero_si512());
	_mm_mfence();
}
#else
static void stream(char *at, size_t nbytes)
{
	clear_pages(at, (unsigned int)(nbytes / PAGE_SIZE));
}
#endif

static bool has_wide_stores(void)
{
#ifdef CONFIG_X86_64
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f");
#else
	return true;
#endif
}

static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM) || numpages < 2 || !has_wide_stores())
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	stream(addr + PAGE_SIZE, (numpages - 1) * PAGE_SIZE);
	clear_page(addr);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(avx512_stream_warm_head, .init_on_alloc = init_pages, .init_on_free = init_pages);
