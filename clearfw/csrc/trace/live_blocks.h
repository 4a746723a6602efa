/* SPDX-License-Identifier: MIT */
/* Which blocks of a recording kernel's memory are live at one point of a trace: a hash table by pfn. */
#ifndef CLEARFW_LIVE_BLOCKS_H
#define CLEARFW_LIVE_BLOCKS_H

#include "mm/buddy.h"

enum live_state {
	LIVE_UNKNOWN, /* an empty place of the table */
	LIVE_HELD,
	LIVE_FREED, /* seen free: allocated again unseen, if it is freed again */
};

struct live_block {
	uint64_t pfn;
	uint32_t slot;
	uint8_t order;
	uint8_t state; /* enum live_state */
};

struct live_blocks {
	struct live_block *table;
	uint32_t shift; /* 64 less the bits of the table's size */
	uint64_t used;
	uint64_t held[NR_PAGE_ORDERS]; /* number of blocks, so that empty orders are skipped */
};

/* False without memory. */
bool live_blocks_init(struct live_blocks *blocks);
void live_blocks_deinit(struct live_blocks *blocks);

/* The block that begins at PFN, or NULL. Valid until the next live_block_hold(). */
struct live_block *live_block_at(const struct live_blocks *blocks, uint64_t pfn);

/* The held block that PFN lies in and that is larger than ORDER, or NULL. */
struct live_block *live_block_above(const struct live_blocks *blocks, uint64_t pfn, unsigned int order);

/* Whether PFN was last seen free, as a block or within one. */
bool live_block_was_freed(const struct live_blocks *blocks, uint64_t pfn);

/* NULL without memory. */
struct live_block *live_block_hold(struct live_blocks *blocks, uint64_t pfn, unsigned int order, uint32_t slot);
void live_block_free(struct live_blocks *blocks, struct live_block *block);

/* The lower half stays under its pfn; the upper one is still to be held. */
void live_block_halve(struct live_blocks *blocks, struct live_block *block);

#endif
