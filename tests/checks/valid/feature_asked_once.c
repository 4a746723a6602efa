/* asks CPUID once and keeps the answer in an atomic static */
#include <clearfw/strategy.h>

static int fast = -1;

static bool is_fast(void)
{
	int known = __atomic_load_n(&fast, __ATOMIC_RELAXED);

	if (known < 0) {
#ifdef CONFIG_X86_64
		__builtin_cpu_init();
		known = !!__builtin_cpu_supports("sse2");
#else
		known = 1;
#endif
		__atomic_store_n(&fast, known, __ATOMIC_RELAXED);
	}
	return known;
}

static bool init_pages(struct page *page, int numpages)
{
	if (IS_ENABLED(CONFIG_HIGHMEM) || !is_fast())
		return false;
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(feature_asked_once, .init_on_alloc = init_pages, .init_on_free = init_pages);
