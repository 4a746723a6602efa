/* SPDX-License-Identifier: MIT */
/*
 * A hugetlb pool (mm/hugetlb.c, 7.3): grows through the allocator, where init_on_alloc
 * clears, and recycles without freeing, where nothing does.
 */
#ifndef CLEARFW_HUGETLB_H
#define CLEARFW_HUGETLB_H

#include "mm/page_alloc.h"

struct hugetlb_pool {
	struct machine *machine;
	unsigned int order; /* above MAX_PAGE_ORDER: gigantic, from alloc_contig */
	struct clearfw_lock lock; /* of what follows */
	uint32_t free_head; /* pfn, or NO_PFN; linked through lru.next */
	uint64_t nr_free;
	uint64_t nr_pages; /* huge pages that came from the allocator */
};

void hugetlb_init(struct hugetlb_pool *pool, struct machine *machine, unsigned int order);

/* alloc_fresh_hugetlb_folio() for COUNT of them: 0, or the status of the one that failed; *grown tells how many came. */
int hugetlb_grow(struct hugetlb_pool *pool, uint64_t count, uint64_t *grown);
/* Gives COUNT free ones, or all there are, back to the allocator, where init_on_free clears. */
int hugetlb_shrink(struct hugetlb_pool *pool, uint64_t count);

/* A page of the pool, as it was left: dirty unless it is fresh. Grows when empty. */
int hugetlb_get(struct hugetlb_pool *pool, struct page **page);
void hugetlb_put(struct hugetlb_pool *pool, struct page *page);

#endif
