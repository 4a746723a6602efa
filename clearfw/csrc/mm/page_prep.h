/* SPDX-License-Identifier: MIT */
/*
 * What happens to a block between the free lists and its owner: post_alloc_hook(), prep_new_page() and
 * __free_pages_prepare() (mm/page_alloc.c, 7.3), and what single, bulk and contiguous allocation share.
 */
#ifndef CLEARFW_PAGE_PREP_H
#define CLEARFW_PAGE_PREP_H

#include "mm/free_lists.h"
#include "mm/gfp.h"
#include "mm/machine.h"

bool should_skip_kasan_poison(const struct machine *machine, const struct page *page);

/* True when the pages are still to be cleared. */
bool post_alloc_prepare(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp);

/*
 * False: the block is leaked, not cleared. *init: whether it is still to be cleared, which
 * it is after KASAN has marked it free.
 */
bool free_pages_prepare(struct cpu *cpu, struct page *page, unsigned int order, bool *init);

void prep_compound_page(struct cpu *cpu, struct page *page, unsigned int order);
void destroy_compound_page(struct page *page, unsigned int order);

/* Return the negative code, with cpu->error filled in. */
int no_memory(struct cpu *cpu, uint64_t npages, const char *what);
int refuse(struct cpu *cpu, enum clearfw_errno code, uint64_t wanted);
int bad_free(struct cpu *cpu, const struct page *page, unsigned int order);

/* After a failed init the block goes back to the free lists, so that no caller gets dirty pages. */
void undo_alloc(struct cpu *cpu, struct page *page, unsigned int order);

/* A block that no strategy cleared goes back to the free lists without an init point. */
void take_back(struct cpu *cpu, struct page *page, unsigned int order);

/* Nobody cleared it: it stays allocated, and addressable again. */
void undo_free(struct cpu *cpu, struct page *page, unsigned int order);

SLOW int post_alloc_hook(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp);

/* The block is the caller's once its init has succeeded. */
FAST int prep_new_page(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	page->flags |= PG_head;
	page->order = (uint8_t)order;
	page->private = 0;
	if (__builtin_expect(cpu->machine->debug || gfp & (__GFP_ZERO | __GFP_ZEROTAGS), 0)) {
		int status = post_alloc_hook(cpu, page, order, gfp);

		if (status)
			return status;
	}
	if (order && gfp & __GFP_COMP)
		prep_compound_page(cpu, page, order);
	cpu->stats.allocs++;
	return 0;
}

FAST void finish_free(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	machine_event(cpu->machine, EVENT_ARCH_FREE_PAGE);
	free_to_lists(cpu, page, order);
	cpu->stats.frees++;
}

FAST int check_free(struct cpu *cpu, const struct page *page, unsigned int order)
{
	if (__builtin_expect(cpu->in_init, 0))
		return refuse(cpu, CLEARFW_EIN_INIT, order);
	/* A pool's huge page goes back to its pool. */
	if (__builtin_expect((page->flags & (PG_head | PG_buddy | PG_pcp | PG_hugetlb)) != PG_head ||
				     page->order != order,
			     0))
		return bad_free(cpu, page, order);
	return 0;
}

#endif
