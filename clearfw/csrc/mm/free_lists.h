/* SPDX-License-Identifier: MIT */
/* From the per-CPU lists or the buddy, and back: rmqueue() and its opposite (mm/page_alloc.c, 7.3). */
#ifndef CLEARFW_FREE_LISTS_H
#define CLEARFW_FREE_LISTS_H

#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/machine.h"

/* The fast paths as one function each, and what they rarely need kept out of them: a quarter of a pair's time. */
#define FAST static inline __attribute__((always_inline))
#define SLOW __attribute__((noinline))

SLOW struct page *rmqueue_buddy(struct zone *zone, unsigned int order);
SLOW void free_to_buddy(struct zone *zone, struct page *page, unsigned int order);

FAST struct page *rmqueue_zone(struct cpu *cpu, struct zone *zone, unsigned int order)
{
	struct pcp *pcp = &cpu->pcp[zone->type];
	struct page *page;

	if (!pcp_allowed(pcp, order))
		return rmqueue_buddy(zone, order);
	cpu_lists_begin(cpu);
	page = pcp_alloc(pcp, zone, order);
	cpu_lists_end(cpu);
	return page;
}

/* Zone fallback goes downwards only: HIGHMEM, then NORMAL. */
FAST struct page *rmqueue(struct cpu *cpu, unsigned int order, gfp_t gfp)
{
	struct zone *zones = cpu->machine->zone;
	struct page *page = NULL;

	if (gfp & __GFP_HIGHMEM && cpu->machine->config.highmem)
		page = rmqueue_zone(cpu, &zones[ZONE_HIGHMEM], order);
	return page ? page : rmqueue_zone(cpu, &zones[ZONE_NORMAL], order);
}

FAST void free_to_lists(struct cpu *cpu, struct page *page, unsigned int order)
{
	struct zone *zone = &cpu->machine->zone[page->zone];
	struct pcp *pcp = &cpu->pcp[page->zone];

	page->flags &= ~(uint32_t)PG_head;
	if (!pcp_allowed(pcp, order)) {
		free_to_buddy(zone, page, order);
		return;
	}
	cpu_lists_begin(cpu);
	pcp_free(pcp, zone, page, order);
	cpu_lists_end(cpu);
}

#endif
