/* SPDX-License-Identifier: MIT */
/*
 * Sub-buffers of a kernel's trace ring buffer, as per_cpu/cpuN/trace_pipe_raw gives them (kernel/trace/
 * ring_buffer.c and include/linux/ring_buffer.h, 7.3), into columns. Where a field is, its format files say.
 */
#ifndef CLEARFW_RING_BUFFER_H
#define CLEARFW_RING_BUFFER_H

#include "trace/intern.h"
#include "trace/trace_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No event takes fewer bytes: its header, and one word. */
#define RB_EVENT_BYTES 8

/* Size 0: the record has no such field. */
struct rb_field {
	uint32_t offset, size;
};

struct rb_record {
	bool recorded;
	uint16_t id;
	struct rb_field pid, pfn, order, gfp, migratetype;
};

struct rb_layout {
	uint32_t nbytes; /* of a sub-buffer, with its header */
	uint32_t data; /* where its events start */
	struct rb_field timestamp, commit;
	struct rb_field type; /* of every record: its tracepoint's ID */
	struct rb_record record[NR_TRACE_KINDS];
};

struct rb_counts {
	uint64_t pages;
	uint64_t other; /* events of other tracepoints */
	uint64_t malformed; /* sub-buffers that are not as they should be: what follows in them is not read */
	uint64_t missed; /* events that were overwritten, as far as the sub-buffers say how many */
	uint64_t missed_pages; /* sub-buffers before which some were */
};

#define RB_GFP_CACHE 64

struct rb_gfp {
	uint64_t flags;
	uint32_t index;
	bool known;
};

struct rb_decoder {
	struct rb_layout layout;
	uint32_t record_bytes[NR_TRACE_KINDS]; /* a record of fewer has not all of its fields */
	struct rb_counts counts;
	struct rb_gfp gfp_cache[RB_GFP_CACHE];
	struct intern gfp; /* the distinct gfp_flags, as 8 bytes each */
};

enum rb_end { RB_EMPTY, RB_FULL, RB_NO_MEMORY, RB_FAILED };

/* False: the fields do not fit into the sub-buffer or its records. */
bool rb_init(struct rb_decoder *decoder, const struct rb_layout *layout);
void rb_deinit(struct rb_decoder *decoder);
/* The most events that one sub-buffer can hold. */
uint32_t rb_most_events(const struct rb_decoder *decoder);
/* Appends a sub-buffer's events; there must be room for rb_most_events(). False: gfp_flags past counting. */
bool rb_decode(struct rb_decoder *decoder, const unsigned char *page, uint16_t cpu, struct trace_events *events);
/* The same of all sub-buffers that FD has to give now, each read to PAGE; RB_FAILED: errno says why. */
enum rb_end rb_drain(struct rb_decoder *decoder, int fd, unsigned char *page, uint16_t cpu,
		     struct trace_events *events);

#endif
