/* SPDX-License-Identifier: MIT */

#include "mm/page_table.h"

#include "base/fault_inject.h"

#include <stdlib.h>

/*
 * An entry is 0, or a leaf, or the address of the table one level down (whose
 * low bits are zero). Level 0 holds the pages, level 1 huge leaves too.
 * Walks take no lock, as in the kernel; who maps and unmaps does.
 */
#define ENTRY_LEAF 1u
#define PMD_LEVEL 1u

static uint64_t load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static uint64_t leaf(uint32_t pfn)
{
	return (uint64_t)pfn << 1 | ENTRY_LEAF;
}

static bool is_table(uint64_t entry)
{
	return entry && !(entry & ENTRY_LEAF);
}

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)entry;
}

static uint64_t *alloc_entries(const struct page_table *table)
{
	return core_calloc((size_t)1 << table->bits, sizeof(uint64_t));
}

/* Bytes that an entry of LEVEL spans, as a shift. */
static uint32_t level_shift(const struct page_table *table, uint32_t level)
{
	return table->page_shift + level * table->bits;
}

static size_t index_of(const struct page_table *table, uint32_t level, uintptr_t addr)
{
	return (addr >> level_shift(table, level)) & (((uintptr_t)1 << table->bits) - 1);
}

bool page_table_init(struct page_table *table, uint32_t page_shift)
{
	*table = (struct page_table){
		.page_shift = page_shift,
		.bits = page_shift - 3,
		.levels = page_shift == 12   ? 5
			  : page_shift == 14 ? 4
					     : 3,
	};
	table->root = alloc_entries(table);
	return table->root;
}

static void free_entries(const struct page_table *table, uint64_t *entries, uint32_t level)
{
	for (size_t i = 0; level > 0 && i < (size_t)1 << table->bits; i++)
		if (is_table(entries[i]))
			free_entries(table, table_of(entries[i]), level - 1);
	free(entries);
}

void page_table_deinit(struct page_table *table)
{
	if (table->root)
		free_entries(table, table->root, table->levels - 1);
	table->root = NULL;
}

/* The entry where the walk to ADDR ends: a leaf or 0, at *LEVEL. */
static uint64_t *find_entry(const struct page_table *table, uintptr_t addr, uint32_t *level)
{
	uint64_t *entry = table->root + index_of(table, table->levels - 1, addr);

	*level = table->levels - 1;
	for (uint64_t value = load(entry); is_table(value); value = load(entry)) {
		(*level)--;
		entry = table_of(value) + index_of(table, *level, addr);
	}
	return entry;
}

/* The entry of ADDR at LEVEL, with the tables above it. NULL: no memory. */
static uint64_t *make_entry(struct page_table *table, uintptr_t addr, uint32_t level)
{
	uint64_t *entries = table->root;

	for (uint32_t at = table->levels - 1; at > level; at--) {
		uint64_t *entry = entries + index_of(table, at, addr);

		if (is_table(*entry)) {
			entries = table_of(*entry);
			continue;
		}
		entries = alloc_entries(table);
		if (!entries)
			return NULL;
		store(entry, (uintptr_t)entries);
	}
	return entries + index_of(table, level, addr);
}

bool page_table_map(struct page_table *table, const void *addr, uint32_t pfn, bool huge)
{
	uint64_t *entry = make_entry(table, (uintptr_t)addr, huge ? PMD_LEVEL : 0);
	uint64_t before;

	if (!entry)
		return false;
	before = *entry;
	store(entry, leaf(pfn));
	/* Left by single pages mapped here before (mm/vmalloc.c:vmap_try_huge_pmd frees it likewise, 7.3). */
	if (is_table(before))
		free(table_of(before));
	return true;
}

void page_table_unmap(struct page_table *table, const void *addr, size_t nbytes)
{
	uintptr_t at = (uintptr_t)addr, end = at + nbytes;
	uint32_t level;

	/* Steps to the end of what each entry spans; a huge leaf goes as a whole (vunmap_pmd_range). */
	while (at < end) {
		store(find_entry(table, at, &level), 0);
		at = ((at >> level_shift(table, level)) + 1) << level_shift(table, level);
	}
}

uint32_t page_table_walk(const struct page_table *table, const void *addr)
{
	uint32_t level;
	uint64_t entry = load(find_entry(table, (uintptr_t)addr, &level));
	uintptr_t offset;

	if (!entry)
		return UINT32_MAX;
	offset = (uintptr_t)addr & (((uintptr_t)1 << level_shift(table, level)) - 1);
	return (uint32_t)(entry >> 1) + (uint32_t)(offset >> table->page_shift);
}
