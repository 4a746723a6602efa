/* SPDX-License-Identifier: MIT */
/*
 * The software page table of the vmalloc area: virtual page number to pfn,
 * walked level by level as mm/vmalloc.c:vmalloc_to_page does (7.3). Five levels
 * with 4 KiB pages (x86-64 with LA57), four with 16 KiB, three with 64 KiB
 * (arm64), PAGE_SHIFT - 3 bits each. A leaf may sit one level up (PMD): a huge mapping.
 */
#ifndef CLEARFW_PAGE_TABLE_H
#define CLEARFW_PAGE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_table {
	uint32_t page_shift;
	uint32_t bits; /* of the address per level */
	uint32_t levels;
	uint64_t *root; /* 1 << bits entries */
};

/* false: no memory for the root. */
bool page_table_init(struct page_table *table, uint32_t page_shift);
void page_table_deinit(struct page_table *table);

/* Pages under one PMD leaf. */
static inline uint32_t page_table_huge_pages(const struct page_table *table)
{
	return 1u << table->bits;
}

/* Maps one page, or with HUGE one PMD leaf of page_table_huge_pages(); addr and pfn aligned to it. false: no memory. */
bool page_table_map(struct page_table *table, const void *addr, uint32_t pfn, bool huge);

/* Unmaps every page of [addr, addr + nbytes); absent entries are passed over. */
void page_table_unmap(struct page_table *table, const void *addr, size_t nbytes);

/* The pfn mapped at ADDR, or UINT32_MAX. Under a huge leaf, base plus offset. */
uint32_t page_table_walk(const struct page_table *table, const void *addr);

#endif
