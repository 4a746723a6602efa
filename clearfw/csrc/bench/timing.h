/* SPDX-License-Identifier: MIT */
/* What is timed beside the chunks of an arena. */
#ifndef CLEARFW_TIMING_H
#define CLEARFW_TIMING_H

#include "mm/gfp.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"

/* One clear of a vmalloc area through its init point: garbage first, the time of the init alone, then the check. */
int vmalloc_time(struct machine *machine, struct vmalloc_area *area, uint64_t *ns, bool *clean);

/* Nanoseconds of ROUNDS inits of one page through the bound stack: dispatch, when the strategy does nothing. */
int dispatch_time(struct machine *machine, uint64_t rounds, uint64_t *ns);

/* Nanoseconds of ROUNDS allocations, each freed at once. */
int pairs_time(struct machine *machine, unsigned int order, gfp_t gfp, uint64_t rounds, uint64_t *ns);

#endif
