// SPDX-License-Identifier: MIT
/*
 * The guest's half of `clearfw kernel`: it allocates, times, dirties and looks, while it is loaded, and prints
 * each result as one line. Loaded by init.c; it never stays.
 *
 * "bench": for each order, fill a working set with blocks and free them, and print the nanoseconds of both.
 * "contents": for each order, dirty blocks, free them, allocate again, and print how many are not all zero.
 */
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define GARBAGE_BYTE 0x9e
#define MOST_ORDERS 16
/* The host's madvise(): a kernel under User-Mode Linux is a process, and its memory that process's. */
#define HOST_MADVISE 28
#define HOST_MADV_HUGEPAGE 14
#define HOST_MADV_COLLAPSE 25
#define HUGE_NBYTES (2UL << 20)
#define LARGEST_ORDER 10

static char *job = "bench";
module_param(job, charp, 0);
MODULE_PARM_DESC(job, "bench or contents");

static int orders[MOST_ORDERS];
static int nr_orders;
module_param_array(orders, int, &nr_orders, 0);
MODULE_PARM_DESC(orders, "block orders, one after the other");

static unsigned long working_set;
module_param(working_set, ulong, 0);
MODULE_PARM_DESC(working_set, "bytes allocated in blocks of one order");

static int passes = 1;
module_param(passes, int, 0);
MODULE_PARM_DESC(passes, "samples of each order");

static bool hot;
module_param(hot, bool, 0);
MODULE_PARM_DESC(hot, "allocate and free the same block again and again");

static bool zero;
module_param(zero, bool, 0);
MODULE_PARM_DESC(zero, "allocate with __GFP_ZERO");

struct blocks {
	struct page **pages;
	unsigned long nr;
	unsigned long most;
	int order;
	gfp_t gfp;
};

static gfp_t gfp_for(int order)
{
	return GFP_HIGHUSER | __GFP_NOWARN | (order ? __GFP_COMP : 0) | (zero ? __GFP_ZERO : 0);
}

static unsigned long block_nbytes(int order)
{
	return PAGE_SIZE << order;
}

static u64 alloc_blocks(struct blocks *blocks)
{
	u64 start = ktime_get_ns();

	for (blocks->nr = 0; blocks->nr < blocks->most; blocks->nr++) {
		struct page *page = alloc_pages(blocks->gfp, blocks->order);

		if (!page)
			break;
		blocks->pages[blocks->nr] = page;
	}
	return ktime_get_ns() - start;
}

static u64 free_blocks(struct blocks *blocks)
{
	u64 start = ktime_get_ns();
	unsigned long i;

	for (i = 0; i < blocks->nr; i++)
		__free_pages(blocks->pages[i], blocks->order);
	return ktime_get_ns() - start;
}

/* One block again and again, out of the processor's list or the top of the free area. */
static u64 alloc_and_free_hot(struct blocks *blocks)
{
	u64 start = ktime_get_ns();

	for (blocks->nr = 0; blocks->nr < blocks->most; blocks->nr++) {
		struct page *page = alloc_pages(blocks->gfp, blocks->order);

		if (!page)
			break;
		__free_pages(page, blocks->order);
	}
	return ktime_get_ns() - start;
}

/* Enough to see a block that was not cleared, and little enough to leave the caches alone. */
static unsigned long *first_word(struct page *page)
{
	return page_address(page);
}

static unsigned long *last_word(struct page *page, int order)
{
	return page_address(page) + block_nbytes(order) - sizeof(unsigned long);
}

static unsigned long look_and_mark(const struct blocks *blocks)
{
	unsigned long i, dirty = 0;

	for (i = 0; i < blocks->nr; i++) {
		unsigned long *first = first_word(blocks->pages[i]);
		unsigned long *last = last_word(blocks->pages[i], blocks->order);

		if (*first || *last)
			dirty++;
		*first = *last = GARBAGE_BYTE;
	}
	return dirty;
}

static unsigned long count_dirty(const struct blocks *blocks)
{
	unsigned long i, dirty = 0;

	for (i = 0; i < blocks->nr; i++)
		if (memchr_inv(page_address(blocks->pages[i]), 0, block_nbytes(blocks->order)))
			dirty++;
	return dirty;
}

static void fill_with_garbage(const struct blocks *blocks)
{
	unsigned long i;

	for (i = 0; i < blocks->nr; i++)
		memset(page_address(blocks->pages[i]), GARBAGE_BYTE, block_nbytes(blocks->order));
}

static long host_madvise(unsigned long addr, unsigned long nbytes, long advice)
{
	long result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(HOST_MADVISE), "D"(addr), "S"(nbytes), "d"(advice)
		     : "rcx", "r11", "memory");
	return result;
}

static unsigned long address_of(struct page *page)
{
	return (unsigned long)page_address(page);
}

/* Touched already, so each 2 MiB is there: as one of the host's huge pages, or as small ones that it makes one of. */
static bool collapse(struct page *page)
{
	unsigned long addr = address_of(page);
	unsigned long end = addr + block_nbytes(LARGEST_ORDER);

	for (; addr < end; addr += HUGE_NBYTES)
		if (host_madvise(addr, HUGE_NBYTES, HOST_MADV_COLLAPSE))
			return false;
	return true;
}

/* Fault the working set in, on the host's huge pages where it gives them, before anything is timed. */
static void populate(struct blocks *blocks)
{
	unsigned long i, huge = 0;
	bool collapsible = true;

	blocks->order = LARGEST_ORDER;
	blocks->most = working_set / block_nbytes(LARGEST_ORDER);
	blocks->gfp = gfp_for(0);
	alloc_blocks(blocks);
	for (i = 0; i < blocks->nr; i++)
		host_madvise(address_of(blocks->pages[i]), block_nbytes(LARGEST_ORDER), HOST_MADV_HUGEPAGE);
	fill_with_garbage(blocks);
	for (i = 0; i < blocks->nr && collapsible; i++) {
		collapsible = collapse(blocks->pages[i]);
		huge += collapsible;
	}
	free_blocks(blocks);
	pr_info("clearfw: memory bytes=%lu huge_bytes=%lu\n", blocks->nr * block_nbytes(LARGEST_ORDER),
		huge * block_nbytes(LARGEST_ORDER));
}

static void set_order(struct blocks *blocks, int order)
{
	blocks->order = order;
	blocks->gfp = gfp_for(order);
	blocks->most = working_set / block_nbytes(order);
}

static void bench_cold(struct blocks *blocks)
{
	u64 alloc_ns = alloc_blocks(blocks);
	unsigned long dirty = look_and_mark(blocks);
	u64 free_ns = free_blocks(blocks);

	pr_info("clearfw: sample order=%d blocks=%lu alloc_ns=%llu free_ns=%llu dirty=%lu\n", blocks->order,
		blocks->nr, alloc_ns, free_ns, dirty);
}

static void bench_hot(struct blocks *blocks)
{
	u64 ns = alloc_and_free_hot(blocks);

	pr_info("clearfw: sample order=%d blocks=%lu alloc_ns=%llu free_ns=0 dirty=0\n", blocks->order,
		blocks->nr, ns);
}

static void bench(struct blocks *blocks)
{
	int pass, i;

	for (pass = 0; pass < passes; pass++) {
		for (i = 0; i < nr_orders; i++) {
			set_order(blocks, orders[i]);
			if (hot)
				bench_hot(blocks);
			else
				bench_cold(blocks);
		}
	}
}

/* What was dirtied and freed is most of what the second allocation gets: both fill the working set. */
static void contents(struct blocks *blocks)
{
	int i;

	for (i = 0; i < nr_orders; i++) {
		unsigned long dirty;

		set_order(blocks, orders[i]);
		alloc_blocks(blocks);
		fill_with_garbage(blocks);
		free_blocks(blocks);
		alloc_blocks(blocks);
		dirty = count_dirty(blocks);
		free_blocks(blocks);
		pr_info("clearfw: contents order=%d blocks=%lu dirty=%lu\n", blocks->order, blocks->nr, dirty);
	}
}

static int __init clearfw_init(void)
{
	struct blocks blocks = { .pages = vmalloc(working_set / PAGE_SIZE * sizeof(struct page *)) };

	if (!blocks.pages)
		return -ENOMEM;
	populate(&blocks);
	if (!strcmp(job, "contents"))
		contents(&blocks);
	else
		bench(&blocks);
	vfree(blocks.pages);
	pr_info("clearfw: done\n");
	return -ENODEV;
}
module_init(clearfw_init);

MODULE_DESCRIPTION("clearfw: what the page allocator clears, and how fast");
MODULE_LICENSE("Dual MIT/GPL");
