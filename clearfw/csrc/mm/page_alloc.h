/* SPDX-License-Identifier: MIT */
/* Allocation and freeing with their init points (mm/page_alloc.c, 7.3). */
#ifndef CLEARFW_PAGE_ALLOC_H
#define CLEARFW_PAGE_ALLOC_H

#include "mm/gfp.h"
#include "mm/machine.h"

/* All return 0, or negative with the calling thread's cpu->error filled in. */
int machine_alloc(struct machine *machine, unsigned int order, gfp_t gfp, struct page **page);

/* PAGE heads a block of that order, of any kind. On failure the caller still owns it. */
int machine_free(struct machine *machine, struct page *page, unsigned int order);

/* split_page(): the block becomes that many order-0 blocks. Not for __GFP_COMP. */
void machine_split(struct page *page, unsigned int order);

/* One step of it, and of a folio's split (__GFP_COMP): two blocks of the next order down. Returns the upper one. */
struct page *machine_split_half(struct page *page, unsigned int order);

/*
 * The free lists with no init point before or after: for the arena, which moves
 * memory in and out of use between measurements.
 */
struct page *machine_alloc_raw(struct machine *machine, enum clearfw_zone_type zone, unsigned int order);
void machine_free_raw(struct machine *machine, struct page *page, unsigned int order);

#endif
