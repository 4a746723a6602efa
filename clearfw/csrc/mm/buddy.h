/* SPDX-License-Identifier: MIT */
/* The binary buddy of one zone (mm/page_alloc.c: __rmqueue_smallest, expand, __free_one_page; 7.3). */
#ifndef CLEARFW_BUDDY_H
#define CLEARFW_BUDDY_H

#include <clearfw/abi.h>

#include "base/lock.h"

#define MAX_PAGE_ORDER 10
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#define NO_PFN UINT32_MAX

struct free_area {
	uint32_t head; /* pfn, or NO_PFN */
	uint64_t nr_free;
};

struct zone {
	struct clearfw_lock lock;
	enum clearfw_zone_type type;
	uint32_t start_pfn, end_pfn;
	struct page *mem_map; /* of the whole machine, indexed by pfn */
	struct free_area free_area[NR_PAGE_ORDERS];
	uint64_t nr_free; /* pages */
};

/* All of [start, end) begins free. */
void buddy_init(struct zone *zone, enum clearfw_zone_type type, struct page *mem_map, uint32_t start_pfn,
		uint32_t end_pfn);

/* These two expect zone->lock held. NULL: no block that large is free. */
struct page *buddy_alloc(struct zone *zone, unsigned int order);
void buddy_free(struct zone *zone, struct page *page, unsigned int order);

/*
 * Takes the range [pfn, pfn + npages) of the zone, a multiple of the largest block and aligned to it, out of
 * the buddy. False, and nothing changed, where some page of it is not free. Expects zone->lock held.
 */
bool buddy_take_range(struct zone *zone, uint32_t pfn, uint32_t npages);

/*
 * Walks everything: lists against flags, counts, alignment, overlap, missed
 * coalescing. NULL when valid, else what is wrong. Takes the lock.
 */
const char *buddy_is_valid(struct zone *zone);

#endif
