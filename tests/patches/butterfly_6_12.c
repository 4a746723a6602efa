/* SPDX-License-Identifier: MIT */
/* As process_huge_page() walked up to 6.19: the far end first, then from both sides towards one page, which is last. */
#include <linux/mm.h>
#include <linux/huge_mm.h>

typedef void (*subpage_fn)(unsigned long addr, int index, void *arg);

static void clear_subpage(unsigned long addr, int index, void *arg)
{
	struct page *page = nth_page((struct page *)arg, index);

	VM_BUG_ON_PAGE(PageTail(page), page);
	(void)addr;
	clear_highpage_kasan_tagged(page);
}

static void walk(unsigned long addr, int nr, int target, subpage_fn process, void *arg)
{
	int left = max(target - (nr - 1 - target), 0), both = min(target, nr - 1 - target), i;

	for (i = 0; i < left; i++)
		process(addr + i * PAGE_SIZE, i, arg);
	for (i = nr - 1; i > target + both; i--)
		process(addr + i * PAGE_SIZE, i, arg);
	for (i = 0; i < both; i++) {
		int l = target - both + i, r = target + both - i;

		process(addr + l * PAGE_SIZE, l, arg);
		process(addr + r * PAGE_SIZE, r, arg);
	}
	process(addr + target * PAGE_SIZE, target, arg);
}

static void clear_huge(struct page *page, int numpages)
{
	kasan_disable_current();
	walk(0, numpages, min_t(int, numpages - 1, numpages >= HPAGE_PMD_NR ? 100 : 0), clear_subpage, page);
	kasan_enable_current();
}

CLEARFW_STRATEGY(butterfly_6_12, .kernel_init_pages = clear_huge);
