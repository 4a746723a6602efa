/* sixteen stores of a long a turn, as architectures without a string instruction clear a page */
#include <clearfw/strategy.h>

static noinline void zero_page(volatile unsigned long *at)
{
	volatile unsigned long *end = at + PAGE_SIZE / sizeof(*at);

	do {
		at[0] = 0;
		at[1] = 0;
		at[2] = 0;
		at[3] = 0;
		at[4] = 0;
		at[5] = 0;
		at[6] = 0;
		at[7] = 0;
		at += 8;
	} while (at != end);
}

static bool init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		zero_page(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(unrolled_longs, .init_on_alloc = init_pages, .init_on_free = init_pages);
