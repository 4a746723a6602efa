/* SPDX-License-Identifier: MIT */
/* The operations of a script, done on a machine. */
#ifndef CLEARFW_REPLAY_H
#define CLEARFW_REPLAY_H

#include "bench/consumer.h"
#include "bench/latency.h"
#include "mm/gfp.h"
#include "trace/replay_script.h"

struct replay_pass {
	bool clear; /* false: no __GFP_ZERO, for a machine that clears nothing of itself */
	bool faults; /* clear at their allocation the blocks that the kernel clears at their fault: REPLAY_FAULT */
	bool unseen; /* free blocks whose allocation is not in the trace: they are cleared under init_on_free */
	bool verify; /* garbage into each block before it is freed; zeroes expected where init is due */
	enum consumer_touch touch;
	struct latency *latency; /* NR_PAGE_ORDERS of them: a clock reading around everything that may clear */
};

struct replay_result {
	uint64_t ns;
	uint64_t nomem; /* allocations that found no block */
	uint64_t checked; /* verify: blocks expected to be zero */
	uint64_t dirty; /* of these, blocks that were not */
	uint64_t dirty_op; /* the operation that allocated the first of them */
	uint64_t dirty_offset;
};

/* A replay under way: slices of it are run one after another, so that it can be interrupted. */
struct replay {
	struct machine *machine;
	const struct replay_script *script;
	struct replay_pass pass;
	struct page **slots;
	struct page *upper; /* of the latest split */
	gfp_t gfp[REPLAY_GFPS];
	size_t next; /* operation */
	uint64_t clock_cost;
	struct replay_result result;
};

/* 0, or negative with the calling thread's cpu->error filled in. */
int replay_init(struct replay *replay, struct machine *machine, const struct replay_script *script,
		const struct replay_pass *pass);

/* Up to NR operations more. An allocation that finds no block is counted, and no failure. */
int replay_run(struct replay *replay, size_t nr);

/* What is still allocated goes back with no init point. */
void replay_deinit(struct replay *replay);

#endif
