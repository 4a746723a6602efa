/* SPDX-License-Identifier: MIT */

#include "bench/arena.h"

#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/page_poison.h"
#include "primitives/primitive.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_PAGES (1u << MAX_PAGE_ORDER)

static int hold_zone(struct arena *arena, enum clearfw_zone_type zone)
{
	for (int order = MAX_PAGE_ORDER; order >= 0; order--) {
		struct page *page;

		while ((page = machine_alloc_raw(arena->machine, zone, (unsigned int)order)))
			arena->held[arena->nr_held++] = page->pfn;
	}
	return 0;
}

static bool is_held_whole(const struct arena *arena, uint32_t pfn)
{
	for (uint32_t at = pfn; at < pfn + arena->chunk_pages; at += BLOCK_PAGES) {
		const struct page *page = &arena->machine->mem_map[at];

		if (!(page->flags & PG_head) || page->order != MAX_PAGE_ORDER)
			return false;
	}
	return true;
}

static void find_chunks(struct arena *arena, const struct zone *zone)
{
	uint32_t step = arena->chunk_pages;
	uint32_t pfn = (zone->start_pfn + step - 1) / step * step;

	for (; (uint64_t)pfn + step <= zone->end_pfn; pfn += step)
		if (is_held_whole(arena, pfn))
			arena->chunks[arena->nr_chunks++] = (struct arena_chunk){ pfn, zone->type };
}

int arena_init(struct arena *arena, struct machine *machine, size_t chunk_bytes, struct clearfw_error *err)
{
	size_t block_bytes = (size_t)BLOCK_PAGES << machine->page_shift;

	chunk_bytes = (chunk_bytes + block_bytes - 1) / block_bytes * block_bytes;
	*arena = (struct arena){
		.machine = machine,
		.chunk_pages = (uint32_t)(chunk_bytes >> machine->page_shift),
		.dirty = 100,
	};
	arena->held = core_malloc(machine->nr_pages * sizeof(*arena->held));
	arena->chunks = core_malloc((machine->nr_pages / arena->chunk_pages + 1) * sizeof(*arena->chunks));
	arena->pages = core_malloc(arena->chunk_pages * sizeof(struct page *));
	if (!arena->held || !arena->chunks || !arena->pages) {
		arena_deinit(arena);
		return clearfw_fail(err, CLEARFW_ESYS, "allocating the arena");
	}
	machine_drain(machine);
	for (int zone = 0; zone < MAX_NR_ZONES; zone++) {
		hold_zone(arena, (enum clearfw_zone_type)zone);
		find_chunks(arena, &machine->zone[zone]);
	}
	if (arena->nr_chunks)
		return 0;
	arena_deinit(arena);
	clearfw_fail(err, CLEARFW_ENOMEM, "a chunk of free memory to measure on");
	if (err) {
		err->wanted = chunk_bytes >> machine->page_shift;
		err->found = machine_nr_free(machine);
	}
	return -CLEARFW_ENOMEM;
}

/* What init_on_free and page_poison promise of free memory, which measuring did not keep. */
static void restore_chunks(const struct arena *arena)
{
	const struct machine *machine = arena->machine;
	size_t nbytes = (size_t)arena->chunk_pages << machine->page_shift;

	if (!machine->init_on_free && !machine->page_poison)
		return;
	for (uint32_t chunk = 0; chunk < arena->nr_chunks; chunk++)
		memset(arena_chunk_bytes(arena, chunk), machine->page_poison ? PAGE_POISON : 0, nbytes);
}

void arena_deinit(struct arena *arena)
{
	restore_chunks(arena);
	for (uint32_t i = 0; i < arena->nr_held; i++) {
		struct page *page = &arena->machine->mem_map[arena->held[i]];

		if (page->flags & PG_head)
			machine_free_raw(arena->machine, page, page->order);
	}
	free(arena->held);
	free(arena->chunks);
	free(arena->pages);
	*arena = (struct arena){ 0 };
}

void *arena_chunk_bytes(const struct arena *arena, uint32_t chunk)
{
	return machine_page_bytes(arena->machine, &arena->machine->mem_map[arena->chunks[chunk].pfn]);
}

size_t arena_chunk_nbytes(const struct arena *arena)
{
	return (size_t)arena->chunk_pages << arena->machine->page_shift;
}

/* By no pattern that a branch predictor learns: the finalizer of MurmurHash3 (Appleby), of the page's number. */
static bool is_dirty(const struct arena *arena, uint32_t pfn)
{
	uint32_t hash = pfn;

	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return (hash ^ hash >> 16) % 100 < arena->dirty;
}

void arena_dirty(struct arena *arena, uint32_t chunk)
{
	size_t page = machine_page_size(arena->machine);
	char *bytes = arena_chunk_bytes(arena, chunk);

	if (arena->dirty == 100) {
		primitive_dirty(bytes, arena_chunk_nbytes(arena), GARBAGE_BYTE);
		return;
	}
	for (uint32_t i = 0; i < arena->chunk_pages; i++)
		primitive_dirty(bytes + i * page, page,
				is_dirty(arena, arena->chunks[chunk].pfn + i) ? GARBAGE_BYTE : 0);
}

void arena_open_chunk(struct arena *arena, uint32_t chunk)
{
	struct page *page = &arena->machine->mem_map[arena->chunks[chunk].pfn];

	arena_dirty(arena, chunk);
	/* From the top, so that the free list hands the chunk out from the bottom. */
	for (uint32_t at = arena->chunk_pages; at; at -= BLOCK_PAGES)
		machine_free_raw(arena->machine, page + at - BLOCK_PAGES, MAX_PAGE_ORDER);
}

void arena_close_chunk(struct arena *arena, uint32_t chunk)
{
	machine_drain(arena->machine);
	for (uint32_t at = 0; at < arena->chunk_pages; at += BLOCK_PAGES)
		machine_alloc_raw(arena->machine, arena->chunks[chunk].zone, MAX_PAGE_ORDER);
}

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static void shuffle(uint32_t *pfns, uint32_t n, uint64_t seed)
{
	uint64_t state = seed | 1;

	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)(next_random(&state) % i), pfn = pfns[i - 1];

		pfns[i - 1] = pfns[j];
		pfns[j] = pfn;
	}
}

void arena_fragment(struct arena *arena, uint64_t seed)
{
	struct machine *machine = arena->machine;
	uint32_t nr = 0;

	restore_chunks(arena);
	for (uint32_t pfn = machine->first_pfn; pfn < machine->max_pfn; pfn++) {
		struct page *page = &machine->mem_map[pfn];

		if (page->flags & PG_head && page->order)
			machine_split(page, page->order);
	}
	/* held now lists single pages: the odd ones first, which go, then the even ones, which stay. */
	for (uint32_t pfn = machine->first_pfn + 1; pfn < machine->max_pfn; pfn += 2)
		arena->held[nr++] = pfn;
	shuffle(arena->held, nr, seed);
	for (uint32_t i = 0; i < nr; i++)
		machine_free_raw(machine, &machine->mem_map[arena->held[i]], 0);
	nr = 0;
	for (uint32_t pfn = machine->first_pfn; pfn < machine->max_pfn; pfn += 2)
		arena->held[nr++] = pfn;
	arena->nr_held = nr;
	arena->nr_chunks = 0;
}
