/* SPDX-License-Identifier: MIT */

#include "trace/live_blocks.h"

#include "base/fault_inject.h"

#include <stdlib.h>

#define FIRST_BITS 12

static inline uint64_t size_of(const struct live_blocks *blocks)
{
	return 1ull << (64 - blocks->shift);
}

/* Fibonacci hashing: neighbours in memory lie apart in the table. */
static inline uint64_t place_of(const struct live_blocks *blocks, uint64_t pfn)
{
	return pfn * 0x9e3779b97f4a7c15ull >> blocks->shift;
}

/* Where PFN is, or the empty place where it belongs. Nothing is ever taken out, so an empty place ends the search. */
static struct live_block *find(const struct live_blocks *blocks, uint64_t pfn)
{
	uint64_t at = place_of(blocks, pfn), mask = size_of(blocks) - 1;

	while (blocks->table[at].state != LIVE_UNKNOWN && blocks->table[at].pfn != pfn)
		at = (at + 1) & mask;
	return &blocks->table[at];
}

bool live_blocks_init(struct live_blocks *blocks)
{
	*blocks = (struct live_blocks){ .shift = 64 - FIRST_BITS };
	blocks->table = core_calloc(size_of(blocks), sizeof(*blocks->table));
	return blocks->table;
}

void live_blocks_deinit(struct live_blocks *blocks)
{
	free(blocks->table);
	blocks->table = NULL;
}

static bool grow(struct live_blocks *blocks)
{
	struct live_blocks larger = *blocks;

	larger.shift--;
	larger.table = core_calloc(size_of(&larger), sizeof(*larger.table));
	if (!larger.table)
		return false;
	for (uint64_t i = 0; i < size_of(blocks); i++)
		if (blocks->table[i].state != LIVE_UNKNOWN)
			*find(&larger, blocks->table[i].pfn) = blocks->table[i];
	free(blocks->table);
	*blocks = larger;
	return true;
}

struct live_block *live_block_at(const struct live_blocks *blocks, uint64_t pfn)
{
	struct live_block *block = find(blocks, pfn);

	return block->state == LIVE_HELD ? block : NULL;
}

/* Blocks are aligned to their size: only so many places can head one that covers PFN. */
static uint64_t head_of(uint64_t pfn, unsigned int order)
{
	return pfn & ~((1ull << order) - 1);
}

struct live_block *live_block_above(const struct live_blocks *blocks, uint64_t pfn, unsigned int order)
{
	for (unsigned int above = order + 1; above < NR_PAGE_ORDERS; above++) {
		struct live_block *block = blocks->held[above] ? find(blocks, head_of(pfn, above)) : NULL;

		if (block && block->state == LIVE_HELD && block->order == above)
			return block;
	}
	return NULL;
}

bool live_block_was_freed(const struct live_blocks *blocks, uint64_t pfn)
{
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		const struct live_block *block = find(blocks, head_of(pfn, order));

		if (block->state == LIVE_FREED && block->order >= order)
			return true;
	}
	return false;
}

struct live_block *live_block_hold(struct live_blocks *blocks, uint64_t pfn, unsigned int order, uint32_t slot)
{
	struct live_block *block;

	if (blocks->used * 3 > size_of(blocks) * 2 && !grow(blocks))
		return NULL;
	block = find(blocks, pfn);
	blocks->used += block->state == LIVE_UNKNOWN;
	*block = (struct live_block){ pfn, slot, (uint8_t)order, LIVE_HELD };
	blocks->held[order]++;
	return block;
}

void live_block_free(struct live_blocks *blocks, struct live_block *block)
{
	block->state = LIVE_FREED;
	blocks->held[block->order]--;
}

void live_block_halve(struct live_blocks *blocks, struct live_block *block)
{
	blocks->held[block->order]--;
	block->order--;
	blocks->held[block->order]++;
}
