/* killed by: visible_on_return
 * AVX2 streaming stores on both sides, and the fence on that of allocation alone.
 */
#include <clearfw/strategy.h>
#include <immintrin.h>

__attribute__((target("avx2"))) static void stream(char *at, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i += 32)
		_mm256_stream_si256((__m256i *)(at + i), _mm256_setzero_si256());
}

static bool per_page(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}

static bool init_on_alloc(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	stream(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	_mm_sfence();
	return true;
}

static bool init_on_free(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return per_page(page, numpages);
	stream(kasan_reset_tag(page_address(page)), numpages * PAGE_SIZE);
	return true;
}

CLEARFW_STRATEGY(avx2_unfenced_on_free, .init_on_alloc = init_on_alloc, .init_on_free = init_on_free);
