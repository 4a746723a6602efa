/* SPDX-License-Identifier: MIT */
/*
 * What happens to a block between the free lists and its owner, the clear excepted:
 * the first halves of post_alloc_hook() and __free_pages_prepare() (mm/page_alloc.c, 7.3).
 */
#ifndef CLEARFW_PAGE_PREP_H
#define CLEARFW_PAGE_PREP_H

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

#endif
