/* SPDX-License-Identifier: MIT */
/* The part of a trace line before the event: task, processor, irq flags, time. */
#ifndef CLEARFW_TRACE_HEAD_H
#define CLEARFW_TRACE_HEAD_H

#include "trace/text_line.h"

struct trace_head {
	const char *task_end;
	const char *event;
	uint64_t ts; /* ns, where the clock counts time */
	int32_t pid;
	uint16_t cpu;
	bool is_perf; /* "TASK PID", where ftrace has "TASK-PID" */
};

bool trace_head_find(struct line *line, struct trace_head *head);

#endif
