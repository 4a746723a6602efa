/* AVX2 streaming stores over the whole block and one fence, where the processor has them */
#include <clearfw/strategy.h>

#ifdef CONFIG_X86_64
#include <immintrin.h>

__attribute__((target("avx2"))) static void stream(char *at, size_t nbytes)
{
	const __m256i zero = _mm256_setzero_si256();

	for (char *end = at + nbytes; at < end; at += 64) {
		_mm256_stream_si256((__m256i *)at, zero);
		_mm256_stream_si256((__m256i *)(at + 32), zero);
	}
	_mm_sfence();
}
#endif

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
#ifdef CONFIG_X86_64
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2")) {
		kasan_disable_current();
		stream(kasan_reset_tag(page_address(page)), (size_t)numpages * PAGE_SIZE);
		kasan_enable_current();
		return true;
	}
#endif
	return false;
}

CLEARFW_STRATEGY(avx2_stream, .init_on_alloc = init_pages, .init_on_free = init_pages);
