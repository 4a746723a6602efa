/* SPDX-License-Identifier: MIT */
/* What pages hold before they are to be cleared: garbage in all of them, or a single byte where nobody looks. */
#ifndef CLEARFW_PATTERN_H
#define CLEARFW_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pattern_spot { SPOT_WHOLE, SPOT_FIRST, SPOT_LAST, SPOT_ANY, SPOT_MARKS };
enum pattern_pages { PAGES_ALL, PAGES_FIRST, PAGES_LAST };

struct pattern {
	uint64_t word; /* fills a dirty page; of a single byte, its low byte */
	/* Where in a page is the one dirty byte. WHOLE: everywhere. MARKS: one in 4 KiB and some at the ends; the rest is not looked at. */
	enum pattern_spot spot;
	enum pattern_pages pages; /* which pages are dirty: the others are zero */
};

/* Page INDEX of NPAGES. ADDR is aligned to a word. */
void pattern_write(const struct pattern *pattern, void *addr, size_t page_size, size_t index, size_t npages);
/* Whether a page that held it is zero; if not, *where is the offset of a byte that is not. */
bool pattern_is_cleared(const struct pattern *pattern, const void *addr, size_t page_size, size_t index, size_t *where);
/* Whether the page still holds it; if not, *where is the offset of a byte that changed. */
bool pattern_is_intact(const struct pattern *pattern, const void *addr, size_t page_size, size_t index, size_t npages,
		       size_t *where);

#endif
