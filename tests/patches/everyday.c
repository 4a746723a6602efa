/* SPDX-License-Identifier: MIT */
/* What a patch brings along: bits, bitmaps, keys, assertions, messages, folios, interrupts. */
#include <linux/bitmap.h>
#include <linux/bug.h>
#include <linux/jump_label.h>
#include <linux/mmdebug.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#undef pr_fmt
#define pr_fmt(format) "everyday: " format

static DEFINE_STATIC_KEY_TRUE(skip_zero_pages);

static bool is_zero(const void *addr)
{
	return !memchr_inv(addr, 0, PAGE_SIZE);
}

static unsigned int look(struct page *page, int numpages, unsigned long *dirty)
{
	unsigned int found = 0;

	for (int i = 0; i < numpages; i++) {
		void *kaddr = kmap_local_page(page + i);

		if (!static_branch_likely(&skip_zero_pages) || !is_zero(kasan_reset_tag(kaddr))) {
			__set_bit(i, dirty);
			found++;
		}
		kunmap_local(kaddr);
	}
	return found;
}

static void clear_up_to_64(struct page *page, int numpages)
{
	DECLARE_BITMAP(dirty, 64);
	unsigned long flags, bit, nr = 0;

	BUILD_BUG_ON(!is_power_of_2(SZ_64));
	bitmap_zero(dirty, 64);
	local_irq_save(flags);
	VM_WARN_ON_ONCE(!irqs_disabled());
	WRITE_ONCE(nr, look(page, numpages, dirty));
	for_each_set_bit(bit, dirty, numpages) {
		clear_highpage_kasan_tagged(page + bit);
		nr--;
	}
	VM_WARN_ON(READ_ONCE(nr));
	local_irq_restore(flags);
}

static void clear_pages_that_need_it(struct page *page, int numpages)
{
	struct folio *folio = page_folio(page);

	VM_BUG_ON_FOLIO(folio_test_large(folio) || folio_nr_pages(folio) != 1, folio);
	if (WARN_ONCE(numpages < 1, "%d pages\n", numpages))
		pr_warn_once("asked for %d pages from %#lx\n", numpages, page_to_pfn(page));
	kasan_disable_current();
	preempt_disable();
	for (int i = 0; i < numpages; i += 64)
		clear_up_to_64(page + i, min3(numpages - i, 64, round_up(numpages, 64)));
	preempt_enable();
	kasan_enable_current();
	BUG_ON(fls(numpages) != ilog2(numpages) + 1 || (numpages == 1 && get_order(PAGE_SIZE)));
}

CLEARFW_STRATEGY(everyday, .kernel_init_pages = clear_pages_that_need_it);
