/* SPDX-License-Identifier: MIT */
/* What benchmarks time beside the chunks of an arena: whole loops, so that nothing but the loop is in them. */

#include "bench/timing.h"

#include "base/clock.h"
#include "bench/arena.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/page_alloc.h"
#include "mm/page_prep.h"
#include "primitives/primitive.h"

int vmalloc_time(struct machine *machine, struct vmalloc_area *area, uint64_t *ns, bool *clean)
{
	uint64_t start;
	size_t where;
	int status;

	for (uint32_t i = 0; i < area->nr_pages; i++)
		primitive_dirty(machine_page_bytes(machine, &machine->mem_map[area->pfns[i]]),
				machine_page_size(machine), GARBAGE_BYTE);
	start = clock_ns();
	status = vmalloc_reinit(machine, area);
	*ns = clock_ns() - start;
	*clean = true;
	for (uint32_t i = 0; i < area->nr_pages && *clean; i++)
		*clean = primitive_is_filled(machine_page_bytes(machine, &machine->mem_map[area->pfns[i]]),
					     machine_page_size(machine), 0, &where);
	return status;
}

int dispatch_time(struct machine *machine, uint64_t rounds, uint64_t *ns)
{
	struct cpu *cpu = this_cpu(machine);
	uint64_t start = clock_ns();
	int status = 0;

	if (!cpu)
		return -CLEARFW_ESYS;
	while (rounds-- && !status)
		status = init_pages(cpu, INIT_ALLOC, machine->mem_map, 1);
	*ns = clock_ns() - start;
	return status;
}

int pairs_time(struct machine *machine, unsigned int order, gfp_t gfp, uint64_t rounds, uint64_t *ns)
{
	uint64_t start = clock_ns();
	int status = 0;

	while (rounds-- && !status) {
		struct page *page;

		status = machine_alloc(machine, order, gfp, &page);
		if (status)
			break;
		status = machine_free(machine, page, order);
		if (status)
			take_back(this_cpu(machine), page, order);
	}
	*ns = clock_ns() - start;
	return status;
}
