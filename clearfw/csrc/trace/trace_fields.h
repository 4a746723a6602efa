/* SPDX-License-Identifier: MIT */
/* The fields of a page event as text, KEY=VALUE in any order: include/trace/events/kmem.h, 7.3. */
#ifndef CLEARFW_TRACE_FIELDS_H
#define CLEARFW_TRACE_FIELDS_H

#include "trace/text_line.h"
#include "trace/trace_event.h"

struct trace_fields {
	uint64_t pfn; /* TRACE_NO_PFN: the allocation failed */
	uint64_t order;
	int8_t migratetype;
	const char *page, *gfp; /* "none" where it has none */
	size_t npage, ngfp;
	unsigned int seen;
};

bool trace_fields_read(struct line *line, const char *at, enum trace_kind kind, struct trace_fields *fields);

#endif
