/* SPDX-License-Identifier: MIT */

#include "trace/replay.h"

#include "base/clock.h"
#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_prep.h"
#include "primitives/primitive.h"

#include <stdlib.h>
#include <string.h>

static gfp_t pass_gfp(const struct replay_pass *pass, uint8_t code)
{
	gfp_t gfp = replay_gfp(code);

	if (!pass->clear)
		return gfp & ~(gfp_t)(__GFP_ZERO | __GFP_ZEROTAGS);
	return pass->faults && code & REPLAY_FAULT ? gfp | __GFP_ZERO : gfp;
}

int replay_init(struct replay *replay, struct machine *machine, const struct replay_script *script,
		const struct replay_pass *pass)
{
	struct cpu *cpu = this_cpu(machine);

	*replay = (struct replay){ .machine = machine, .script = script, .pass = *pass };
	if (!cpu)
		return -CLEARFW_ESYS;
	replay->slots = core_calloc(script->nr_slots + 1, sizeof(*replay->slots));
	if (!replay->slots)
		return clearfw_fail(&cpu->error, CLEARFW_ESYS, "allocating %u slots", script->nr_slots);
	/* Faulted in before the clock runs. */
	memset(replay->slots, 0, (script->nr_slots + 1) * sizeof(*replay->slots));
	for (unsigned int code = 0; code < REPLAY_GFPS; code++)
		replay->gfp[code] = pass_gfp(pass, (uint8_t)code);
	replay->clock_cost = pass->latency ? clock_cost_ns() : 0;
	return 0;
}

FAST int do_alloc(struct replay *replay, const struct replay_op *op)
{
	struct page **slot = &replay->slots[op->slot];
	int status = machine_alloc(replay->machine, op->order, replay->gfp[op->gfp], slot);

	if (__builtin_expect(status == -CLEARFW_ENOMEM, 0)) {
		*slot = NULL;
		replay->result.nomem++;
		return 0;
	}
	return status;
}

FAST int do_free(struct replay *replay, const struct replay_op *op)
{
	struct page **slot = &replay->slots[op->slot];
	struct page *page = *slot;
	int status;

	/* Its allocation found no block. */
	if (__builtin_expect(!page, 0))
		return 0;
	status = machine_free(replay->machine, page, op->order);
	if (__builtin_expect(!status, 1))
		*slot = NULL;
	return status;
}

static SLOW int free_unseen(struct replay *replay, unsigned int order)
{
	struct page *page = replay->pass.unseen ? machine_alloc_raw(replay->machine, ZONE_NORMAL, order) : NULL;
	int status;

	if (!page)
		return 0;
	status = machine_free(replay->machine, page, order);
	if (status)
		machine_free_raw(replay->machine, page, order);
	return status;
}

static SLOW void split(struct replay *replay, const struct replay_op *op)
{
	struct page *page = replay->slots[op->slot];

	replay->upper = page ? machine_split_half(page, op->order) : NULL;
}

FAST int do_op(struct replay *replay, const struct replay_op *op)
{
	switch (op->kind) {
	case REPLAY_ALLOC:
		return do_alloc(replay, op);
	case REPLAY_FREE:
		return do_free(replay, op);
	case REPLAY_FREE_UNSEEN:
		return free_unseen(replay, op->order);
	case REPLAY_SPLIT:
		split(replay, op);
		return 0;
	default:
		replay->slots[op->slot] = replay->upper;
		return 0;
	}
}

static bool may_clear(const struct replay *replay, const struct replay_op *op)
{
	if (replay->machine->init_on_free)
		return op->kind == REPLAY_FREE || op->kind == REPLAY_FREE_UNSEEN;
	return op->kind == REPLAY_ALLOC && (replay->machine->init_on_alloc || replay->gfp[op->gfp] & __GFP_ZERO);
}

static int do_timed_op(struct replay *replay, const struct replay_op *op)
{
	uint64_t start, ns;
	int status;

	if (!may_clear(replay, op))
		return do_op(replay, op);
	start = clock_ns();
	status = do_op(replay, op);
	ns = clock_ns() - start;
	latency_add(&replay->pass.latency[op->order], ns > replay->clock_cost ? ns - replay->clock_cost : 0);
	return status;
}

/* Under init_on_free every free page is zero, and so every new one. */
static bool init_is_due(const struct replay *replay, const struct replay_op *op)
{
	const struct machine *machine = replay->machine;
	gfp_t gfp = replay->gfp[op->gfp];

	if (machine->init_on_free)
		return true;
	return (machine->init_on_alloc || gfp & __GFP_ZERO) &&
	       !(machine->config.kasan == KASAN_HW_TAGS && gfp & __GFP_SKIP_ZERO);
}

static void check_block(struct replay *replay, const struct replay_op *op)
{
	struct page *page = replay->slots[op->slot];
	size_t nbytes = machine_page_size(replay->machine) << op->order, where;

	if (!page || !init_is_due(replay, op))
		return;
	replay->result.checked++;
	if (primitive_is_filled(machine_page_bytes(replay->machine, page), nbytes, 0, &where))
		return;
	if (!replay->result.dirty++) {
		replay->result.dirty_op = (uint64_t)(op - replay->script->ops);
		replay->result.dirty_offset = where;
	}
}

static int do_verified_op(struct replay *replay, const struct replay_op *op)
{
	const struct page *page = replay->slots[op->slot];
	int status;

	if (op->kind == REPLAY_FREE && page)
		primitive_dirty(machine_page_bytes(replay->machine, page),
				machine_page_size(replay->machine) << op->order, GARBAGE_BYTE);
	status = do_op(replay, op);
	if (op->kind == REPLAY_ALLOC && !status)
		check_block(replay, op);
	return status;
}

static int do_touched_op(struct replay *replay, const struct replay_op *op)
{
	int status = do_op(replay, op);

	if (op->kind == REPLAY_ALLOC && !status && replay->slots[op->slot])
		consumer_touch(replay->machine, replay->slots[op->slot], op->order, replay->pass.touch);
	return status;
}

/*
 * Unlike a kernel, a replay knows what comes next. It has the slot, and the page in it, on their way
 * to the cache by then, so that its own bookkeeping does not count as the allocator's.
 */
#define AHEAD_SLOT 16
#define AHEAD_PAGE 8

FAST void look_ahead(const struct replay *replay, const struct replay_op *op)
{
	const struct page *page = replay->slots[op[AHEAD_PAGE].slot];

	__builtin_prefetch(&replay->slots[op[AHEAD_SLOT].slot]);
	__builtin_prefetch(page);
}

/* A loop for each way, so that the plain one has nothing else in it. */
#define RUN(step)                         \
	for (; op < end && !status; op++) \
	status = step(replay, op)

static int run_plain(struct replay *replay, const struct replay_op *op, const struct replay_op *end)
{
	const struct replay_op *last = replay->script->ops + replay->script->nr;
	int status = 0;

	for (; op < end && last - op > AHEAD_SLOT && !status; op++) {
		look_ahead(replay, op);
		status = do_op(replay, op);
	}
	RUN(do_op);
	return status;
}

static int run_ops(struct replay *replay, const struct replay_op *op, const struct replay_op *end)
{
	int status = 0;

	if (replay->pass.verify)
		RUN(do_verified_op);
	else if (replay->pass.latency)
		RUN(do_timed_op);
	else if (replay->pass.touch != TOUCH_NONE)
		RUN(do_touched_op);
	else
		status = run_plain(replay, op, end);
	return status;
}

int replay_run(struct replay *replay, size_t nr)
{
	size_t left = replay->script->nr - replay->next;
	const struct replay_op *op = replay->script->ops + replay->next;
	uint64_t start = clock_ns();
	int status;

	nr = nr < left ? nr : left;
	status = run_ops(replay, op, op + nr);
	replay->result.ns += clock_ns() - start;
	replay->next += nr;
	return status;
}

void replay_deinit(struct replay *replay)
{
	struct cpu *cpu = this_cpu(replay->machine);

	for (uint32_t i = 0; replay->slots && i < replay->script->nr_slots; i++) {
		struct page *page = replay->slots[i];

		if (!page)
			continue;
		/* What init_on_free promises of free memory. */
		if (replay->machine->init_on_free)
			memset(machine_page_bytes(replay->machine, page), 0,
			       machine_page_size(replay->machine) << page->order);
		take_back(cpu, page, page->order);
	}
	machine_drain(replay->machine);
	free(replay->slots);
	replay->slots = NULL;
}
