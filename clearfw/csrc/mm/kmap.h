/* SPDX-License-Identifier: MIT */
/*
 * kmap_local (mm/highmem.c, 7.3): up to 16 temporary mappings a thread, last in,
 * first out. strict: each maps the page into a slot of its own and unmaps it
 * again, so that a stray access really faults. priced: the core's view of
 * HIGHMEM serves, and the count is what a report puts a price on.
 */
#ifndef CLEARFW_KMAP_H
#define CLEARFW_KMAP_H

#include <clearfw/abi.h>

#include "base/error.h"
#include "mm/config.h"
#include "mm/memory.h"

#define KM_MAX_IDX 16

struct kmap_ctrl {
	int idx; /* mappings in use */
	const void *addr[KM_MAX_IDX]; /* what each was handed out as */
	uint32_t pfn[KM_MAX_IDX];
	char *slots; /* strict: KM_MAX_IDX slots with a guard page after each; else NULL */
	char *overflow; /* strict or not: where a 17th mapping points, one writable page */
};

int kmap_init(struct kmap_ctrl *ctrl, enum clearfw_kmap mode, uint32_t page_shift, struct clearfw_error *err);
void kmap_deinit(struct kmap_ctrl *ctrl, uint32_t page_shift);

/* Never NULL. A 17th mapping yields the overflow page and -CLEARFW_EKMAP_FULL in *status, as the kernel would BUG(). */
void *kmap_local(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
		 const struct page *page, int *status);

/*
 * Accepts any address within the page. Negative, and nothing done: -CLEARFW_EKMAP_ORDER unless it is the newest
 * mapping, -CLEARFW_ESYS where the system call failed.
 */
int kunmap(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
	   const void *addr);

/* Drops mappings above the first KEEP: what an init point left behind. */
void kmap_unwind(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
		 int keep);

/* The pfn that ADDR is mapped to through a live slot, or NO_PFN. */
uint32_t kmap_to_pfn(const struct kmap_ctrl *ctrl, uint32_t page_shift, const void *addr);

#endif
