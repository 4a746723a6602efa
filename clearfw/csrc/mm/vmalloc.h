/* SPDX-License-Identifier: MIT */
/* vmalloc (mm/vmalloc.c, 7.3): scattered pages, really mapped at consecutive addresses. */
#ifndef CLEARFW_VMALLOC_H
#define CLEARFW_VMALLOC_H

#include "mm/gfp.h"
#include "mm/types.h"

#define VMALLOC_ALLOW_HUGE 1u

/* 0 and *area, or negative and cpu->error. GFP as vmalloc() would get it. */
int vmalloc(struct machine *machine, size_t nbytes, gfp_t gfp, unsigned int flags, struct vmalloc_area **area);
/*
 * ADDR as it was handed out, tag or not. -CLEARFW_EMAP_COUNT: it could not be unmapped and is still there. A page that no strategy clears on free stays allocated: then the status
 * is that page's, and the area is gone all the same.
 */
int vfree(struct machine *machine, const void *addr);

/* The vmalloc init point over an area that exists: what a benchmark repeats. */
int vmalloc_reinit(struct machine *machine, struct vmalloc_area *area);

bool is_vmalloc_addr(const struct machine *machine, const void *addr);
/* Walks the page table; NULL where nothing is mapped. */
struct page *vmalloc_to_page(struct machine *machine, const void *addr);
/* Pages of the physically contiguous run at ADDR, at most MAX, from area->pages[]; 0 where no area is. */
unsigned int vmalloc_run(struct machine *machine, const void *addr, unsigned int max, struct page **first);

void vmalloc_init(struct vmalloc *vmalloc);
void vmalloc_deinit(struct machine *machine);
const char *vmalloc_is_valid(struct machine *machine);

#endif
