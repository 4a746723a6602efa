/* one checked memset() over the block, guarded, as a backport for kernels without clear_pages() has it */
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	kasan_disable_current();
	if (!IS_ENABLED(CONFIG_HIGHMEM)) {
		memset(kasan_reset_tag(page_address(page)), 0, (unsigned long)numpages * PAGE_SIZE);
	} else {
		for (int i = 0; i < numpages; i++)
			clear_highpage_kasan_tagged(page + i);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(one_memset, .kernel_init_pages = kernel_init_pages);
