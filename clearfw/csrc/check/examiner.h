/* SPDX-License-Identifier: MIT */
/*
 * The examiner: a strategy that asks the strategy under test, and looks at everything that it did, while it ran and
 * after. It stands alone at a machine's init points, so whatever calls them, allocator or cell, is examined.
 * One at a time in a process.
 */
#ifndef CLEARFW_EXAMINER_H
#define CLEARFW_EXAMINER_H

#include "check/finding.h"
#include "check/grant.h"
#include "check/pattern.h"
#include "check/subject_stack.h"
#include "mm/types.h"

#include <clearfw/observed/observed.h>

#include <setjmp.h>

#define EXAMINER_SITES 4096 /* a power of two */
#define EXAMINER_SHARED 16

/* A comparison of the strategy, and what stood on either side of it. */
struct compare_site {
	uint64_t pc; /* from the beginning of the object; 0: unused */
	uint64_t left, right; /* the first time */
	bool constant, left_varies, right_varies;
};

struct examiner {
	struct machine *machine;
	const struct clearfw_strategy *subject; /* NULL: the callback, for a strategy in Python */
	init_callback callback;
	void *context;
	const struct clearfw_observed *observed; /* NULL: not instrumented */
	const char *image; /* where the subject's object begins */
	const struct clearfw_core *table; /* the core's functions, as the subject has them */
	struct clearfw_strategy strategy; /* what stands at the init points */
	struct grant grant;

	/* What the next call is to find. */
	struct pattern pattern;
	bool hollow;	   /* more pages than there is memory: the core's clears are counted, and not done */
	uint64_t patience_ns; /* of processor time, for one call */
	uint64_t max_events;  /* that an instrumented call may tell of */

	/* The call under way. */
	bool running;
	struct page **list; /* the subject's own copy */
	sigjmp_buf out;
	struct cpu *cpu;
	const char *entry; /* of the stack */
	uint64_t events;
	uint64_t ticks;

	/* What came of it. */
	struct finding found; /* of the first call since examiner_begin() that has one */
	bool exhausted; /* too much to observe: cut short, and no finding */
	uint64_t calls, claims;
	uint64_t new_blocks, new_sites;

	/* Since the beginning. */
	uint8_t *seen; /* by offset of the return address: blocks that ran */
	size_t image_bytes;
	struct compare_site *sites;
	uint64_t shared[EXAMINER_SHARED], shared_pc[EXAMINER_SHARED]; /* static storage written to, by offset */
	int nr_shared;
	uint64_t waste, waste_of; /* the most pages cleared more than once, of how many */
	uint64_t remaps, remaps_of; /* the most mappings beyond one a page, of how many pages */
	uint64_t longest_clear;
	uint64_t longest_stack;
	bool only_core_clears; /* every claimed page was cleared whole by the core */

	struct page *saved;
	size_t saved_room;
	struct subject_stack stack;
};

/* The examiner at work in this process, or NULL. */
extern struct examiner *examiner_here;

struct call {
	enum init_point point;
	bool bulk;
	struct page *page;
	struct page **pages;
	const void *start;
	unsigned long n; /* pages, or bytes of an area */
	int claimed;	 /* as an init_callback says it */
	bool ended;	 /* it came back by itself */
};

/* Asks the subject, to whom the pages were given, and looks at what it did. Whether it claimed. */
bool examiner_examine(struct examiner *examiner, struct call *call);

/*
 * For what is found while the subject runs; whether it is what the cell is remembered for. examiner_abort() ends the
 * subject's call; it comes back only to a strategy in Python, which has to be told by an exception.
 */
bool examiner_found(struct examiner *examiner, enum finding_kind kind, const void *pc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool examiner_found_outside(struct examiner *examiner, enum finding_kind kind, const void *pc, const char *did,
			    const void *addr, size_t nbytes);
void examiner_abort(struct examiner *examiner);

#endif
