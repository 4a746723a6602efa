/* SPDX-License-Identifier: MIT */

#include "trace/replay_script.h"

#include "base/fault_inject.h"

#include <stdlib.h>
#include <string.h>

/* Of all flags, those that machine_alloc() looks at: six bits. */
static const gfp_t coded_flags[] = {
	__GFP_ZERO, __GFP_HIGHMEM, __GFP_COMP, __GFP_ZEROTAGS, __GFP_SKIP_ZERO, __GFP_SKIP_KASAN,
};
#define NR_CODED (sizeof(coded_flags) / sizeof(*coded_flags))
_Static_assert(1 << NR_CODED == REPLAY_FAULT && 2 * REPLAY_FAULT == REPLAY_GFPS, "a code for each combination");

/* What all of GFP_TRANSHUGE_LIGHT's users have, and page cache and slab have not (vma_thp_gfp_mask(), 7.3). */
#define ANON_HUGE (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN)

struct writer {
	struct replay_script *script;
	struct live_blocks blocks;
	uint32_t *unused; /* slots of blocks that were freed, newest last */
	size_t nr_unused, room_unused;
	uint64_t now;
	uint64_t moment; /* events in one */
	uint64_t most_pages; /* live since the moment began */
};

gfp_t replay_gfp(uint8_t code)
{
	gfp_t gfp = 0;

	for (unsigned int i = 0; i < NR_CODED; i++)
		gfp |= code >> i & 1 ? coded_flags[i] : 0;
	return gfp;
}

static uint8_t gfp_code(gfp_t gfp, unsigned int order)
{
	bool fault = order && (gfp & (ANON_HUGE | __GFP_ZERO)) == ANON_HUGE;
	unsigned int code = fault ? REPLAY_FAULT : 0;

	for (unsigned int i = 0; i < NR_CODED; i++)
		code |= (gfp & coded_flags[i] ? 1u : 0u) << i;
	return (uint8_t)code;
}

/* False without memory. */
static bool reserve(void **array, size_t *room, size_t nr, size_t size)
{
	size_t wanted = *room ? *room * 2 : 1024;
	void *larger;

	if (nr < *room)
		return true;
	larger = core_malloc(wanted * size);
	if (!larger)
		return false;
	if (nr)
		memcpy(larger, *array, nr * size);
	free(*array);
	*array = larger;
	*room = wanted;
	return true;
}

static bool emit(struct writer *writer, enum replay_kind kind, unsigned int order, uint32_t slot, uint8_t gfp)
{
	struct replay_script *script = writer->script;

	if (!reserve((void **)&script->ops, &script->room, script->nr, sizeof(*script->ops)))
		return false;
	script->ops[script->nr++] = (struct replay_op){ slot, (uint8_t)kind, (uint8_t)order, gfp, 0 };
	return true;
}

static uint32_t new_slot(struct writer *writer)
{
	return writer->nr_unused ? writer->unused[--writer->nr_unused] : writer->script->nr_slots++;
}

static bool end_block(struct writer *writer, struct live_block *block)
{
	struct replay_census *census = &writer->script->census;

	if (!reserve((void **)&writer->unused, &writer->room_unused, writer->nr_unused, sizeof(*writer->unused)))
		return false;
	writer->unused[writer->nr_unused++] = block->slot;
	census->live_pages -= 1ull << block->order;
	census->free_blocks[block->order]++;
	live_block_free(&writer->blocks, block);
	return emit(writer, REPLAY_FREE, block->order, block->slot, 0);
}

/* Frees every live block that lies within; *nr counts them. */
static bool end_blocks_within(struct writer *writer, uint64_t pfn, unsigned int order, uint64_t *nr)
{
	bool ok = true;

	for (uint64_t i = 0; i < 1ull << order && ok; i++) {
		struct live_block *block = live_block_at(&writer->blocks, pfn + i);

		if (block && block->order <= order) {
			ok = end_block(writer, block);
			++*nr;
		}
	}
	return ok;
}

static bool add_alloc(struct writer *writer, uint64_t pfn, unsigned int order, gfp_t gfp)
{
	struct replay_census *census = &writer->script->census;
	struct live_block *above;
	uint64_t overlapping = 0;
	uint8_t code = gfp_code(gfp, order);
	uint32_t slot;

	if (pfn == TRACE_NO_PFN) {
		census->failed++;
		return true;
	}
	/* Its free was lost, or went unseen: kernel pools hand pages on without an event. */
	while ((above = live_block_above(&writer->blocks, pfn, order))) {
		overlapping++;
		if (!end_block(writer, above))
			return false;
	}
	if (!end_blocks_within(writer, pfn, order, &overlapping))
		return false;
	census->reallocated += overlapping > 0;
	census->allocs++;
	census->alloc_blocks[order]++;
	census->zero_blocks[order] += !!(gfp & __GFP_ZERO);
	census->fault_blocks[order] += !!(code & REPLAY_FAULT);
	census->live_pages += 1ull << order;
	if (census->live_pages > census->peak_pages)
		census->peak_pages = census->live_pages;
	if (census->live_pages > writer->most_pages)
		writer->most_pages = census->live_pages;
	slot = new_slot(writer);
	return live_block_hold(&writer->blocks, pfn, order, slot) &&
	       emit(writer, REPLAY_ALLOC, order, slot, code);
}

/* Split like the buddy, until ORDER at PFN is a block of its own; NULL without memory. */
static struct live_block *split_to(struct writer *writer, struct live_block *block, uint64_t pfn, unsigned int order)
{
	while (block && block->order > order) {
		uint64_t head = block->pfn, upper = head + (1ull << (block->order - 1));
		unsigned int half = block->order - 1u;
		uint32_t slot = new_slot(writer);

		if (!emit(writer, REPLAY_SPLIT, half + 1, block->slot, 0) || !emit(writer, REPLAY_UPPER, half, slot, 0))
			return NULL;
		live_block_halve(&writer->blocks, block);
		block = live_block_hold(&writer->blocks, upper, half, slot);
		/* The table may have moved. */
		if (block && pfn < upper)
			block = live_block_at(&writer->blocks, head);
	}
	return block;
}

static bool add_unseen_free(struct writer *writer, uint64_t pfn, unsigned int order)
{
	struct replay_census *census = &writer->script->census;

	struct live_block *block;

	census->unmatched++;
	census->untraced += live_block_was_freed(&writer->blocks, pfn);
	block = live_block_hold(&writer->blocks, pfn, order, 0);
	if (!block)
		return false;
	live_block_free(&writer->blocks, block);
	return emit(writer, REPLAY_FREE_UNSEEN, order, 0, 0);
}

/* split_page(), alloc_pages_exact(), a folio split: pages allocated at once are freed in parts, or the reverse. */
static bool add_odd_free(struct writer *writer, uint64_t pfn, unsigned int order)
{
	struct live_block *block = live_block_at(&writer->blocks, pfn);
	uint64_t within = 0;

	if (!block || block->order < order)
		block = live_block_above(&writer->blocks, pfn, order);
	if (block) {
		writer->script->census.mismatched++;
		block = split_to(writer, block, pfn, order);
		return block && end_block(writer, block);
	}
	if (!end_blocks_within(writer, pfn, order, &within))
		return false;
	if (!within)
		return add_unseen_free(writer, pfn, order);
	writer->script->census.mismatched++;
	return true;
}

static bool add_free(struct writer *writer, uint64_t pfn, unsigned int order)
{
	struct live_block *block = live_block_at(&writer->blocks, pfn);

	writer->script->census.frees++;
	if (block && block->order == order)
		return end_block(writer, block);
	return add_odd_free(writer, pfn, order);
}

static bool is_block(struct replay_census *census, uint64_t pfn, unsigned int order)
{
	if (order > MAX_PAGE_ORDER) {
		census->oversized++;
		return false;
	}
	if (pfn != TRACE_NO_PFN && pfn & ((1ull << order) - 1)) {
		census->misaligned++;
		return false;
	}
	return true;
}

static bool add_event(struct writer *writer, const struct trace_events *events, size_t i)
{
	struct replay_census *census = &writer->script->census;

	if (events->kind[i] == TRACE_FREE_BATCHED) {
		census->batched++;
		return true;
	}
	if (!is_block(census, events->pfn[i], events->order[i]))
		return true;
	if (events->kind[i] == TRACE_FREE)
		return add_free(writer, events->pfn[i], events->order[i]);
	return add_alloc(writer, events->pfn[i], events->order[i], events->gfp[i]);
}

static void end_moment(struct writer *writer)
{
	struct replay_script *script = writer->script;

	script->course[script->nr_moments++] = (struct replay_moment){ writer->now, writer->most_pages };
	writer->most_pages = script->census.live_pages;
}

static bool add(struct writer *writer, const struct trace_events *events, size_t i)
{
	struct replay_census *census = &writer->script->census;

	census->events++;
	census->backwards += events->ts[i] < writer->now;
	writer->now = events->ts[i];
	if (!add_event(writer, events, i))
		return false;
	if (census->events % writer->moment == 0)
		end_moment(writer);
	return true;
}

/* The next event of one lane. */
struct lane {
	const struct replay_batch *batch, *end;
	size_t at;
};

static bool lane_skip_empty(struct lane *lane, uint32_t number)
{
	while (lane->batch < lane->end && (lane->batch->lane != number || lane->at == lane->batch->events.nr)) {
		lane->batch++;
		lane->at = 0;
	}
	return lane->batch < lane->end;
}

static uint64_t lane_ts(const struct lane *lane)
{
	return lane->batch < lane->end ? lane->batch->events.ts[lane->at] : UINT64_MAX;
}

/* The lane that is first in time, and in *until the time of the one after it. */
static uint32_t first_lane(const struct lane *lanes, uint32_t nr, uint64_t *until)
{
	uint32_t first = 0;

	*until = UINT64_MAX;
	for (uint32_t i = 1; i < nr; i++) {
		bool earlier = lane_ts(&lanes[i]) < lane_ts(&lanes[first]);
		uint64_t later = lane_ts(&lanes[earlier ? first : i]);

		*until = later < *until ? later : *until;
		first = earlier ? i : first;
	}
	return first;
}

static bool merge(struct writer *writer, struct lane *lanes, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		lane_skip_empty(&lanes[i], i);
	for (;;) {
		uint64_t until;
		uint32_t first = first_lane(lanes, nr, &until);
		struct lane *lane = &lanes[first];

		if (lane->batch == lane->end)
			return true;
		do {
			if (!add(writer, &lane->batch->events, lane->at))
				return false;
			lane->at++;
		} while (lane_skip_empty(lane, first) && lane_ts(lane) < until);
	}
}

int replay_script_init(struct replay_script *script, const struct replay_batch *batches, size_t nr_batches,
		       uint32_t nr_lanes, struct clearfw_error *err)
{
	struct writer writer = { .script = script };
	struct lane *lanes = core_calloc(nr_lanes + 1, sizeof(*lanes));
	bool ok;

	*script = (struct replay_script){ 0 };
	for (size_t i = 0; i < nr_batches; i++)
		script->room += batches[i].events.nr;
	writer.moment = (script->room + REPLAY_MOMENTS - 1) / REPLAY_MOMENTS;
	script->ops = core_malloc((script->room + 1) * sizeof(*script->ops));
	ok = lanes && script->ops && live_blocks_init(&writer.blocks);
	for (uint32_t i = 0; ok && i < nr_lanes; i++)
		lanes[i] = (struct lane){ batches, batches + nr_batches, 0 };
	ok = ok && merge(&writer, lanes, nr_lanes);
	if (ok && script->census.events && script->census.events % writer.moment)
		end_moment(&writer);
	live_blocks_deinit(&writer.blocks);
	free(writer.unused);
	free(lanes);
	if (ok)
		return 0;
	replay_script_deinit(script);
	return clearfw_fail(err, CLEARFW_ESYS, "making a trace of %zu batches ready for replay", nr_batches);
}

void replay_script_deinit(struct replay_script *script)
{
	free(script->ops);
	*script = (struct replay_script){ 0 };
}
