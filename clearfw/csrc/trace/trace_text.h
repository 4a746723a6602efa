/* SPDX-License-Identifier: MIT */
/*
 * Page events from text: of ftrace (kernel/trace/trace_output.c, 7.3), of trace-cmd report and perf script.
 * Every line is an event, an event of another tracepoint, a comment, word of lost events, or bad.
 */
#ifndef CLEARFW_TRACE_TEXT_H
#define CLEARFW_TRACE_TEXT_H

#include "trace/intern.h"
#include "trace/trace_event.h"

#include <stdbool.h>

/* No line of these tools is longer, but for stacks of C++. */
#define TRACE_TEXT_LINE 16384
/* So many bad lines are kept, and so many bytes of each from where it goes wrong. */
#define TRACE_TEXT_BAD 8
#define TRACE_TEXT_FOUND 40

enum trace_text_form { TRACE_TEXT_NONE, TRACE_TEXT_FTRACE, TRACE_TEXT_TRACE_CMD, TRACE_TEXT_PERF };

struct trace_text_bad {
	uint64_t line;
	uint32_t column; /* both from 1 */
	uint32_t nfound;
	const char *expected;
	char found[TRACE_TEXT_FOUND];
};

struct trace_text {
	uint64_t lines;
	/* Of these; all others are events. */
	uint64_t comments, others, losses, bads;
	uint64_t lost;	    /* events, as the losses say */
	uint64_t backwards; /* events with an earlier time than the one before */
	uint64_t last_ts;
	enum trace_text_form form; /* of the first event */
	bool is_report;		   /* trace-cmd's own first line was seen */
	struct trace_text_bad bad[TRACE_TEXT_BAD];
	struct intern gfp;
	/* The beginning of a line that is not complete yet. */
	char carry[TRACE_TEXT_LINE];
	size_t ncarry;
	bool too_long;
};

/* A zeroed struct is ready. Takes bytes in until there is no room, and returns their number. */
size_t trace_text_feed(struct trace_text *text, const char *bytes, size_t nbytes,
		       struct trace_events *events);
/* The last line, where no newline ends it: wants room for one event. */
void trace_text_end(struct trace_text *text, struct trace_events *events);
void trace_text_deinit(struct trace_text *text);

#endif
