/* SPDX-License-Identifier: MIT */
/*
 * What a strategy was given: the pages of a block, of a list or of a vmalloc area, and nothing else of RAM. While
 * RAM is sealed, all else of it can be read and not written: a stray store faults.
 */
#ifndef CLEARFW_GRANT_H
#define CLEARFW_GRANT_H

#include "mm/types.h"

enum grant_kind { GRANT_BLOCK, GRANT_LIST, GRANT_AREA };

struct grant {
	struct machine *machine;
	enum grant_kind kind;
	uint8_t *given; /* by pfn: whether the page was given */
	uint8_t *cleared; /* by pfn: how often the core cleared all of it, 255 at most */
	struct page **pages; /* each that was given, in order; NULL for a block */
	struct page *first;
	size_t npages;
	const char *area; /* untagged */
	bool seals; /* the host's pages are no larger than the machine's */
	bool sealed;
	bool keeps_open; /* lists and areas are of pages that stay open */
};

/* 0, or negative with *err. */
int grant_init(struct grant *grant, struct machine *machine, struct clearfw_error *err);
void grant_deinit(struct grant *grant);

/* One of these, then grant_take(). 0 or -CLEARFW_ESYS. */
int grant_block(struct grant *grant, struct page *page, size_t npages);
int grant_list(struct grant *grant, struct page *const *pages, size_t npages);
int grant_area(struct grant *grant, const void *start, size_t npages);
void grant_take(struct grant *grant);

/* Page INDEX of what was given. */
static inline struct page *grant_page(const struct grant *grant, size_t index)
{
	return grant->pages ? grant->pages[index] : grant->first + index;
}

/* RAM: readable and no more, but for pages that were opened. grant_unseal() undoes both. */
void grant_seal(struct grant *grant);
void grant_unseal(struct grant *grant);
void grant_open(struct grant *grant);
void grant_shut(struct grant *grant);

/* Opens the pages that the lists or the area to come are of, until grant_unseal(): a system call a page takes time. */
void grant_keep_open(struct grant *grant, struct page *const *pages, size_t npages);

/* The pfn of the page of RAM at ADDR, untagged, in either of the core's views of it; NO_PFN where it is none. */
uint32_t grant_ram_pfn(const struct grant *grant, const void *addr);

/* Whether all of [addr, addr + nbytes) is what this thread may use: given pages, through any mapping it has. */
bool grant_covers(const struct grant *grant, const struct cpu *cpu, const void *addr, size_t nbytes);

/* The core is about to clear whole pages there. */
void grant_count_clear(struct grant *grant, const struct cpu *cpu, const void *addr, size_t npages);

#endif
