/* SPDX-License-Identifier: MIT */
/*
 * What a measurement needs of a machine: all of its memory held, in chunks, so that
 * opening one chunk makes the allocator hand out exactly that memory. A benchmark walks over the
 * chunks, and so finds each one cold, through the real allocation path.
 */
#ifndef CLEARFW_ARENA_H
#define CLEARFW_ARENA_H

#include "mm/page_alloc.h"

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
	uint32_t *held; /* their pfns */
	struct page **pages; /* room for a chunk of order-0 pages */
	unsigned int dirty; /* of a hundred pages, those that hold garbage before a clear; the others are zero */
};

/* Takes everything that is free. 0, or negative and *err. */
int arena_init(struct arena *arena, struct machine *machine, size_t chunk_bytes, struct clearfw_error *err);
void arena_deinit(struct arena *arena);

/* Lets go of every other page of the arena, in random order: no two free pages are neighbours. */
void arena_fragment(struct arena *arena, uint64_t seed);

/*
 * Garbage in the pages that are to be dirty, always the same of them, and zeroes in the others; none of it in a
 * cache: what every measurement begins with.
 */
void arena_dirty(struct arena *arena, uint32_t chunk);
void *arena_chunk_bytes(const struct arena *arena, uint32_t chunk);

/* Hands the chunk to the allocator, dirty; takes it back. */
void arena_open_chunk(struct arena *arena, uint32_t chunk);
void arena_close_chunk(struct arena *arena, uint32_t chunk);
size_t arena_chunk_nbytes(const struct arena *arena);

#endif
