/* SPDX-License-Identifier: MIT */
/* Passes over a chunk of an arena: blocks allocated and freed by one thread or several, timed. */
#ifndef CLEARFW_PASS_H
#define CLEARFW_PASS_H

#include "bench/arena.h"
#include "bench/consumer.h"
#include "mm/gfp.h"

/* One pass over a chunk. */
struct arena_pass {
	unsigned int order; /* above MAX_PAGE_ORDER: gigantic */
	gfp_t gfp;
	enum consumer_touch touch;
	bool hot; /* the same block again and again */
	int bulk; /* order 0 only: pages per alloc_pages_bulk(), or 0 */
	int threads;
	bool verify;
};

struct arena_times {
	uint64_t blocks;
	uint64_t alloc_ns, free_ns;
	uint64_t dirty_offset; /* verify: bytes into the chunk of the first byte that is not zero, or UINT64_MAX */
};

/* Fills the chunk with garbage that is in no cache, then allocates and frees it block by block. */
int arena_run(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, struct arena_times *times);

/* Nanoseconds of each single allocation, into LATENCY_NS, which has room for every block of the chunk. */
int arena_latency(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, uint32_t *latency_ns,
		  uint64_t *count);

/* The same memory with no allocator in the way: calls of CALL_BYTES each, fenced. */
uint64_t arena_roofline(struct arena *arena, uint32_t chunk, const struct clearfw_primitive *primitive,
			size_t call_bytes);

#endif
