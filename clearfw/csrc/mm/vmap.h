/* SPDX-License-Identifier: MIT */
/* Really mapping the pages of a vmalloc area, one mmap(2) for each contiguous run (mm/vmalloc.c:vmap_pages_range, 7.3). */
#ifndef CLEARFW_VMAP_H
#define CLEARFW_VMAP_H

#include "mm/machine.h"

/* vm.max_map_count of the host. */
uint64_t vmap_max_mappings(void);

static inline size_t vmap_span(const struct machine *machine, const struct vmalloc_area *area)
{
	return (size_t)area->nr_pages << machine->page_shift;
}

/* Pages from FIRST on that are physically contiguous, at most MAX. */
uint32_t vmap_run_length(const struct vmalloc_area *area, uint32_t first, uint32_t max);

/* 0, or negative with cpu->error filled in and nothing mapped. */
int vmap_area(struct cpu *cpu, struct vmalloc_area *area);
/* false, and nothing done: the system call failed. */
bool vunmap_area(struct machine *machine, struct vmalloc_area *area);
/* For an area that no caller has: free its pages, unmapped or not; the next area maps over them. */
void vmap_undo(struct machine *machine, const struct vmalloc_area *area);

#endif
