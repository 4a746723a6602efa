/* SPDX-License-Identifier: MIT */
/* A generated mix of allocations and frees. */
#ifndef CLEARFW_CHURN_H
#define CLEARFW_CHURN_H

#include "mm/gfp.h"
#include "mm/machine.h"

/* A mix of allocations and frees, one 32-bit word each: see churn.c. */
#define CHURN_FREE 0x80u
#define CHURN_SLOT_SHIFT 8
struct churn_times {
	uint64_t total_ns;
	uint64_t order_ns
		[NR_PAGE_ORDERS]; /* with BY_ORDER: a clock reading around every operation, its cost taken off */
	uint64_t order_ops[NR_PAGE_ORDERS];
};
int churn_run(struct machine *machine, const uint32_t *ops, size_t nr_ops, size_t nr_slots, gfp_t gfp, bool by_order,
	      struct churn_times *times);

#endif
