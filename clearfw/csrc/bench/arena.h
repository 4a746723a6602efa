/* SPDX-License-Identifier: MIT */
/*
 * What a measurement needs of a machine: all of its memory held, in chunks, so that
 * opening one chunk makes the allocator hand out exactly that memory. A benchmark walks over the
 * chunks, and so finds each one cold, through the real allocation path.
 */
#ifndef CLEARFW_ARENA_H
#define CLEARFW_ARENA_H

#include "bench/consumer.h"
#include "mm/page_alloc.h"

#define GARBAGE 0x9e /* lib/test_meminit.c's, 7.3 */

struct arena_chunk {
	uint32_t pfn;
	enum clearfw_zone_type zone;
};

struct arena {
	struct machine *machine;
	uint32_t chunk_pages;
	uint32_t nr_chunks;
	struct arena_chunk *chunks;
	uint32_t nr_held; /* blocks taken from the zones, of any order */
	uint32_t *held;	  /* their pfns */
	struct page **pages; /* room for a chunk of order-0 pages */
};

/* One pass over a chunk. */
struct arena_pass {
	unsigned int order; /* above MAX_PAGE_ORDER: gigantic */
	gfp_t gfp;
	enum consumer_touch touch;
	bool hot;		/* the same block again and again */
	int bulk;		/* order 0 only: pages per alloc_pages_bulk(), or 0 */
	int threads;
	bool verify;
};

struct arena_times {
	uint64_t blocks;
	uint64_t alloc_ns, free_ns;
	uint64_t dirty_offset; /* verify: bytes into the chunk of the first byte that is not zero, or UINT64_MAX */
};

/* Takes everything that is free. 0, or negative and *err. */
int arena_init(struct arena *arena, struct machine *machine, size_t chunk_bytes, struct clearfw_error *err);
void arena_deinit(struct arena *arena);

/* Fills the chunk with garbage that is in no cache, then allocates and frees it block by block. */
int arena_run(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, struct arena_times *times);

/* Nanoseconds of each single allocation, into LATENCY_NS, which has room for every block of the chunk. */
int arena_latency(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, uint32_t *latency_ns,
		  uint64_t *count);

/* The same memory with no allocator in the way: calls of CALL_BYTES each, fenced. */
uint64_t arena_roofline(struct arena *arena, uint32_t chunk, const struct clearfw_primitive *primitive,
			size_t call_bytes);

/* Lets go of every other page of the arena, in random order: no two free pages are neighbours. */
void arena_fragment(struct arena *arena, uint64_t seed);

/* Garbage all over the chunk, none of it in a cache: what every measurement begins with. */
void arena_dirty(struct arena *arena, uint32_t chunk);
void *arena_chunk_bytes(const struct arena *arena, uint32_t chunk);

/* Nanoseconds that reading the clock takes. */
uint64_t clock_cost_ns(void);

/* A mix of allocations and frees, one 32-bit word each: see churn.c. */
#define CHURN_FREE 0x80u
#define CHURN_SLOT_SHIFT 8
struct churn_times {
	uint64_t total_ns;
	uint64_t order_ns[NR_PAGE_ORDERS]; /* with BY_ORDER: a clock reading around every operation, its cost taken off */
	uint64_t order_ops[NR_PAGE_ORDERS];
};
int churn_run(struct machine *machine, const uint32_t *ops, size_t nr_ops, size_t nr_slots, gfp_t gfp,
	      bool by_order, struct churn_times *times);

/* One clear of a vmalloc area through its init point: garbage first, the time of the init alone, then the check. */
int vmalloc_time(struct machine *machine, struct vmalloc_area *area, uint64_t *ns, bool *clean);

/* Nanoseconds of ROUNDS inits of one page through the bound stack: dispatch, when the strategy does nothing. */
int dispatch_time(struct machine *machine, uint64_t rounds, uint64_t *ns);

/* Nanoseconds of ROUNDS allocations, each freed at once. */
int pairs_time(struct machine *machine, unsigned int order, gfp_t gfp, uint64_t rounds, uint64_t *ns);

#endif
