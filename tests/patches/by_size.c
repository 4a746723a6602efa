/* SPDX-License-Identifier: MIT */
/* Chooses the instruction by the size of the block: plain, non-temporal, and CLZERO where the CPU has it. */
#include <linux/sizes.h>
#include <linux/log2.h>
#include <linux/mm.h>

static void clear_large(void *addr, unsigned int npages)
{
#ifdef CONFIG_X86
	if (boot_cpu_has(X86_FEATURE_CLZERO)) {
		clear_pages_clzero_incoherent(addr, npages);
		return;
	}
#endif
	clear_pages_nt_incoherent(addr, npages);
}

static bool by_size(struct page *page, int numpages)
{
	void *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	if (ilog2(numpages) <= get_order(SZ_64K)) {
		clear_pages_rep(addr, numpages);
	} else if (numpages <= SZ_256K / PAGE_SIZE) {
		clear_pages_nt(addr, numpages);
	} else {
		clear_large(addr, numpages);
		clear_page_make_coherent();
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(by_size, .init_on_alloc = by_size, .init_on_free = by_size);
