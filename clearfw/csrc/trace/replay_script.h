/* SPDX-License-Identifier: MIT */
/*
 * A trace made ready for replay: eight bytes an operation, in the order of time, with everything
 * that a kernel's trace leaves open decided and counted beforehand, so that nothing but allocating,
 * freeing and clearing is left to the replay.
 */
#ifndef CLEARFW_REPLAY_SCRIPT_H
#define CLEARFW_REPLAY_SCRIPT_H

#include "base/error.h"
#include "mm/gfp.h"
#include "trace/live_blocks.h"
#include "trace/trace_event.h"

enum replay_kind {
	REPLAY_ALLOC,
	REPLAY_FREE,
	REPLAY_FREE_UNSEEN, /* of a block whose allocation is not in the trace */
	REPLAY_SPLIT,	    /* the block of SLOT into halves; the lower one stays there */
	REPLAY_UPPER,	    /* follows a split: the slot of its upper half */
};

struct replay_op {
	uint32_t slot;
	uint8_t kind;  /* enum replay_kind */
	uint8_t order; /* of the block before the operation */
	uint8_t gfp;   /* the flags that matter to the allocator, and REPLAY_FAULT: replay_gfp() */
	uint8_t unused;
};

/*
 * The block is an anonymous huge page, that the kernel clears at its fault with folio_zero_user() where init_on_alloc
 * has not cleared it yet (include/linux/mm.h:user_alloc_needs_zeroing, 7.3). No event tells of it; the gfp flags do.
 */
#define REPLAY_FAULT 0x40
#define REPLAY_GFPS 0x80

/* What the events were, one by one. */
#define REPLAY_CENSUS(X)                                                                  \
	X(events)      /* of any kind */                                                 \
	X(allocs)      /* that gave a block */                                           \
	X(frees)       /* mm_page_free, of any kind */                                   \
	X(batched)     /* mm_page_free_batched: duplicates of mm_page_free */            \
	X(failed)      /* allocations that gave none */                                  \
	X(unmatched)   /* frees without an allocation in the trace */                    \
	X(untraced)    /* of these, freed before in the trace: allocated again unseen */ \
	X(mismatched)  /* frees with another order than the allocation */                \
	X(reallocated) /* allocations of pages that were still live */                   \
	X(oversized)   /* events of an order above MAX_PAGE_ORDER, left out */            \
	X(misaligned)  /* events no buddy allocator gives, left out */                   \
	X(backwards)   /* events earlier than the one before */                          \
	X(peak_pages)  /* live at the same time, at most */                              \
	X(live_pages)  /* at the end */

struct replay_census {
#define REPLAY_CENSUS_FIELD(name) uint64_t name;
	REPLAY_CENSUS(REPLAY_CENSUS_FIELD)
#undef REPLAY_CENSUS_FIELD
	uint64_t alloc_blocks[NR_PAGE_ORDERS];
	uint64_t zero_blocks[NR_PAGE_ORDERS]; /* of these, with __GFP_ZERO */
	uint64_t fault_blocks[NR_PAGE_ORDERS]; /* of these, with REPLAY_FAULT */
	uint64_t free_blocks[NR_PAGE_ORDERS]; /* as the replay frees them */
};

/* Live pages over time: the most of each of so many equal parts of the events, and when it ended. */
#define REPLAY_MOMENTS 1000

struct replay_moment {
	uint64_t ts, pages;
};

struct replay_script {
	struct replay_op *ops;
	size_t nr, room;
	uint32_t nr_slots;
	struct replay_census census;
	struct replay_moment course[REPLAY_MOMENTS];
	uint32_t nr_moments;
};

/* Some events of a trace, in their order in time; lanes are merged by time stamp, at one moment the lower first. */
struct replay_batch {
	struct trace_events events;
	uint32_t lane;
};

/* 0, or negative and *err filled in. */
int replay_script_init(struct replay_script *script, const struct replay_batch *batches, size_t nr_batches,
		       uint32_t nr_lanes, struct clearfw_error *err);
void replay_script_deinit(struct replay_script *script);

/* The flags of an operation. */
gfp_t replay_gfp(uint8_t code);

#endif
