/* SPDX-License-Identifier: MIT */
/*
 * A generated mix of allocations and frees. Each operation is a word: the order in the
 * low bits, CHURN_FREE where the slot is freed, and the slot above CHURN_SLOT_SHIFT.
 */

#include "bench/churn.h"

#include "base/clock.h"
#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "mm/page_prep.h"

#include <stdlib.h>

static inline int step(struct machine *machine, uint32_t op, struct page **slots, gfp_t gfp)
{
	struct page **slot = &slots[op >> CHURN_SLOT_SHIFT];
	unsigned int order = op & (CHURN_FREE - 1);
	int status;

	if (!(op & CHURN_FREE))
		return machine_alloc(machine, order, gfp, slot);
	status = machine_free(machine, *slot, order);
	if (!status)
		*slot = NULL;
	return status;
}

/* Free the blocks that a failed run left allocated. */
static void abandon(struct cpu *cpu, struct page **slots, size_t nr_slots)
{
	for (size_t i = 0; i < nr_slots; i++)
		if (slots[i])
			take_back(cpu, slots[i], slots[i]->order);
}

static int run(struct machine *machine, const uint32_t *ops, size_t nr_ops, struct page **slots, gfp_t gfp)
{
	int status = 0;

	for (size_t i = 0; i < nr_ops && !status; i++)
		status = step(machine, ops[i], slots, gfp);
	return status;
}

static int run_by_order(struct machine *machine, const uint32_t *ops, size_t nr_ops, struct page **slots, gfp_t gfp,
			struct churn_times *times)
{
	uint64_t cost = clock_cost_ns();
	int status = 0;

	for (size_t i = 0; i < nr_ops && !status; i++) {
		unsigned int order = ops[i] & (CHURN_FREE - 1);
		uint64_t start = clock_ns(), ns;

		status = step(machine, ops[i], slots, gfp);
		ns = clock_ns() - start;
		times->order_ns[order] += ns > cost ? ns - cost : 0;
		times->order_ops[order]++;
	}
	return status;
}

int churn_run(struct machine *machine, const uint32_t *ops, size_t nr_ops, size_t nr_slots, gfp_t gfp,
	      bool by_order, struct churn_times *times)
{
	struct page **slots = core_calloc(nr_slots, sizeof(*slots));
	struct cpu *cpu = this_cpu(machine);
	uint64_t start;
	int status;

	*times = (struct churn_times){ 0 };
	if (!slots || !cpu) {
		free(slots);
		return cpu ? clearfw_fail(&cpu->error, CLEARFW_ESYS, "allocating %zu slots", nr_slots) : -CLEARFW_ESYS;
	}
	start = clock_ns();
	status = by_order ? run_by_order(machine, ops, nr_ops, slots, gfp, times)
			  : run(machine, ops, nr_ops, slots, gfp);
	times->total_ns = clock_ns() - start;
	abandon(cpu, slots, nr_slots);
	free(slots);
	return status;
}
