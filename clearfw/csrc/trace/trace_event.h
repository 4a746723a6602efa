/* SPDX-License-Identifier: MIT */
/* Events of the page allocator's tracepoints (include/trace/events/kmem.h, 7.3), a column for each field. */
#ifndef CLEARFW_TRACE_EVENT_H
#define CLEARFW_TRACE_EVENT_H

#include <stddef.h>
#include <stdint.h>

enum trace_kind { TRACE_ALLOC, TRACE_FREE, TRACE_FREE_BATCHED, NR_TRACE_KINDS };

/* The pfn of an allocation that failed, as the kernel records it. */
#define TRACE_NO_PFN UINT64_MAX

struct trace_events {
	uint64_t *ts; /* nanoseconds of the trace's clock */
	uint64_t *pfn;
	uint32_t *gfp; /* while decoding, the index of the interned text; in a trace, the bits of gfp.h */
	int32_t *pid;
	uint16_t *cpu;
	int8_t *migratetype; /* -1 where the event has none */
	uint8_t *order;
	uint8_t *kind; /* enum trace_kind */
	size_t nr, room;
};

#endif
