/* SPDX-License-Identifier: MIT */
/* Blocks above MAX_PAGE_ORDER (mm/page_alloc.c:alloc_contig_frozen_range, 7.3). */
#include "mm/page_contig.h"

#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_prep.h"

static struct page *take_contig(struct machine *machine, struct zone *zone, uint32_t npages)
{
	uint32_t pfn = (zone->start_pfn + npages - 1) & ~(npages - 1);
	struct page *page = NULL;

	clearfw_lock(&zone->lock);
	for (; !page && (uint64_t)pfn + npages <= zone->end_pfn; pfn += npages)
		if (buddy_take_range(zone, pfn, npages))
			page = &machine->mem_map[pfn];
	clearfw_unlock(&zone->lock);
	return page;
}

int machine_alloc_contig(struct machine *machine, unsigned int order, gfp_t gfp, struct page **ret)
{
	struct cpu *cpu = this_cpu(machine);
	struct page *page;
	int status;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (order <= MAX_PAGE_ORDER || order > MAX_CONTIG_ORDER)
		return refuse(cpu, CLEARFW_EORDER, order);
	if (cpu->in_init)
		return refuse(cpu, CLEARFW_EIN_INIT, order);
	machine_drain(machine);
	/* The kernel would migrate what is in the way; here a range is free or it is not. */
	page = take_contig(machine, &machine->zone[ZONE_NORMAL], 1u << order);
	if (!page)
		return no_memory(cpu, 1ull << order, "contiguous range");
	status = prep_new_page(cpu, page, order, gfp | __GFP_COMP);
	if (!status)
		*ret = page;
	return status;
}
