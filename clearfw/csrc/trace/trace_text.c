/* SPDX-License-Identifier: MIT */

#include "trace/trace_text.h"

#include "trace/trace_fields.h"
#include "trace/trace_head.h"

#include <string.h>

static const char *const event_names[NR_TRACE_KINDS] = {
	[TRACE_ALLOC] = "alloc:",
	[TRACE_FREE] = "free:",
	[TRACE_FREE_BATCHED] = "free_batched:",
};

static void add_lost(struct trace_text *text, uint64_t lost)
{
	if (__builtin_add_overflow(text->lost, lost, &text->lost))
		text->lost = UINT64_MAX;
}

static void store(struct trace_text *text, const struct trace_head *head, const struct trace_fields *fields,
		  struct trace_events *events)
{
	size_t i = events->nr++;

	events->ts[i] = head->ts;
	events->pfn[i] = fields->pfn;
	events->pid[i] = head->pid;
	events->cpu[i] = head->cpu;
	events->migratetype[i] = fields->migratetype;
	events->order[i] = (uint8_t)fields->order;
	text->backwards += head->ts < text->last_ts;
	text->last_ts = head->ts;
}

/* ftrace prints "NAME: FIELDS"; trace-cmd aligns the fields. */
static void note_form(struct trace_text *text, const struct trace_head *head, const char *fields)
{
	bool is_aligned = is_space(fields[0]) && is_space(fields[1]);

	if (text->form)
		return;
	if (head->is_perf)
		text->form = TRACE_TEXT_PERF;
	else
		text->form = text->is_report || is_aligned ? TRACE_TEXT_TRACE_CMD : TRACE_TEXT_FTRACE;
}

static bool read_page_event(struct trace_text *text, struct line *line, const struct trace_head *head,
			    const char *at, enum trace_kind kind, struct trace_events *events)
{
	struct trace_fields fields;
	int gfp;

	if (!trace_fields_read(line, at, kind, &fields))
		return false;
	gfp = intern(&text->gfp, fields.gfp, fields.ngfp);
	if (gfp < 0)
		return wrong(line, at, "gfp flags, of which a kernel has few");
	events->gfp[events->nr] = (uint32_t)gfp;
	events->kind[events->nr] = (uint8_t)kind;
	store(text, head, &fields, events);
	note_form(text, head, at);
	return true;
}

/* With perf script --show-lost-events. */
static bool read_perf_loss(struct trace_text *text, const struct line *line, const char *at)
{
	uint64_t lost;

	at = after(at, line->end, "PERF_RECORD_LOST");
	at = at ? after(skip_word(at, line->end), line->end, " lost ") : NULL;
	if (!at || !decimal(at, line->end, &lost))
		return false;
	text->losses++;
	add_lost(text, lost);
	return true;
}

static bool read_event(struct trace_text *text, struct line *line, struct trace_head *head,
		       struct trace_events *events)
{
	const char *perf = after(head->event, line->end, "kmem:");
	const char *name = after(perf ?: head->event, line->end, "mm_page_");

	/* perf has the pid -1 where it knows none. ftrace, with its TASK-PID, has no "kmem:". */
	if (perf && !head->is_perf && head->pid == 1) {
		head->is_perf = true;
		head->pid = -1;
	}
	for (int kind = 0; name && kind < NR_TRACE_KINDS; kind++) {
		const char *fields = after(name, line->end, event_names[kind]);

		if (fields)
			return read_page_event(text, line, head, fields, kind, events);
	}
	/* Function tracers print names alone, but no such. */
	if (name && !memchr(name, ':', (size_t)(line->end - name)))
		return wrong(line, head->event, "an event's name and \":\"");
	if (!read_perf_loss(text, line, head->event))
		text->others++;
	return true;
}

/* trace-cmd puts the name of an instance before what is of it. */
static const char *after_instance(const struct line *line)
{
	const char *colon = memmem(line->start, (size_t)(line->end - line->start), ": CPU:", 6);

	return colon ? colon + 2 : line->start;
}

/* "CPU:0 [LOST 12 EVENTS]", or without a number; of trace-cmd "CPU:0 [12 EVENTS DROPPED]". */
static bool read_loss(struct trace_text *text, const struct line *line)
{
	const char *at = after(after_instance(line), line->end, "CPU:"), *kernel, *next;
	uint64_t number;

	if (!at || !(at = decimal(at, line->end, &number)) || !(at = after(at, line->end, " [")))
		return false;
	kernel = after(at, line->end, "LOST ");
	at = kernel ?: at;
	next = decimal(at, line->end, &number);
	at = next ? skip_spaces(next, line->end) : at;
	if (after(at, line->end, kernel ? "EVENTS]" : "EVENTS DROPPED]") != line->end)
		return false;
	text->losses++;
	add_lost(text, next ? number : 1);
	return true;
}

/* KEPT/WRITTEN: ftrace has no other word of what it overwrote. */
static void read_entries(struct trace_text *text, const char *at, const char *end)
{
	uint64_t kept, written;

	if (!(at = decimal(at, end, &kept)) || !(at = after(at, end, "/")))
		return;
	if (decimal(at, end, &written) && written > kept)
		add_lost(text, written - kept);
}

static void read_header(struct trace_text *text, const struct line *line)
{
	const char *at = after(line->start, line->end, "# entries-in-buffer/entries-written: ");
	uint64_t us;

	if (at) {
		read_entries(text, at, line->end);
		return;
	}
	at = after(line->start, line->end, "# latency: ");
	if (at && (at = decimal(at, line->end, &us)) && (at = after(at, line->end, " us, #")))
		read_entries(text, at, line->end);
}

/* What trace-cmd report says before the events. */
static bool read_report_header(struct trace_text *text, const struct line *line)
{
	const char *at = after(line->start, line->end, "CPU ");
	uint64_t cpu;

	if (at)
		return (at = decimal(at, line->end, &cpu)) && after(at, line->end, " is empty") == line->end;
	if (!after(line->start, line->end, "cpus=") && !after(line->start, line->end, "version = "))
		return false;
	text->is_report = true;
	return true;
}

static bool read_comment(struct trace_text *text, const struct line *line)
{
	if (line->start == line->end)
		return true;
	if (*line->start != '#')
		return read_report_header(text, line);
	read_header(text, line);
	return true;
}

/* A line of a call chain: perf's " ffffffff81638ebb symbol+0x1 (file)", ftrace's " => symbol". */
static bool is_stack(const struct line *line)
{
	const char *at = skip_spaces(line->start, line->end), *end = skip_word(at, line->end);
	uint64_t address;

	if (after(at, line->end, "=> "))
		return true;
	/* The beginning of an event is no call chain. */
	if (at == line->start || memmem(at, (size_t)(line->end - at), "pfn=", 4))
		return false;
	return hexadecimal(at, end, &address) == end;
}

/* Only blanks, or an indented comment. Checked after the event parser, because a comm may begin like this. */
static bool is_filler(const struct line *line)
{
	const char *at = skip_spaces(line->start, line->end);

	return at == line->end || *at == '#';
}

static void note_bad(struct trace_text *text, const struct line *line)
{
	struct trace_text_bad *bad;
	const char *at = line->wrong;

	if (text->bads++ >= TRACE_TEXT_BAD)
		return;
	bad = &text->bad[text->bads - 1];
	bad->line = text->lines;
	bad->column = (uint32_t)(at - line->start) + 1;
	bad->expected = line->expected;
	bad->nfound = line->end - at < TRACE_TEXT_FOUND ? (uint32_t)(line->end - at) : TRACE_TEXT_FOUND;
	memcpy(bad->found, at, bad->nfound);
}

/* Whether it is a good one. */
static bool read_whole(struct trace_text *text, struct line *line, struct trace_events *events)
{
	struct trace_head head;

	if (text->too_long)
		return wrong(line, line->start, "a line of at most 16384 bytes");
	if (trace_head_find(line, &head))
		return read_event(text, line, &head, events);
	if (is_stack(line) || is_filler(line)) {
		text->comments++;
		return true;
	}
	return read_loss(text, line) ||
	       wrong(line, skip_spaces(line->start, line->end), "TASK-PID [CPU] TIME: EVENT");
}

static void read_line(struct trace_text *text, const char *start, const char *end,
		      struct trace_events *events)
{
	struct line line = { start, end > start && end[-1] == '\r' ? end - 1 : end, NULL, NULL };

	text->lines++;
	if (read_comment(text, &line))
		text->comments++;
	else if (!read_whole(text, &line, events))
		note_bad(text, &line);
}

static void keep(struct trace_text *text, const char *start, const char *end)
{
	size_t room = TRACE_TEXT_LINE - text->ncarry, nbytes = (size_t)(end - start);

	text->too_long |= nbytes > room;
	if (nbytes > room)
		nbytes = room;
	memcpy(text->carry + text->ncarry, start, nbytes);
	text->ncarry += nbytes;
}

static void read_carry(struct trace_text *text, struct trace_events *events)
{
	read_line(text, text->carry, text->carry + text->ncarry, events);
	text->ncarry = 0;
	text->too_long = false;
}

/* Most lines are complete in one buffer. */
static void read_up_to(struct trace_text *text, const char *start, const char *newline,
		       struct trace_events *events)
{
	if (!text->ncarry && newline - start <= TRACE_TEXT_LINE) {
		read_line(text, start, newline, events);
		return;
	}
	keep(text, start, newline);
	read_carry(text, events);
}

size_t trace_text_feed(struct trace_text *text, const char *bytes, size_t nbytes, struct trace_events *events)
{
	const char *at = bytes, *end = bytes + nbytes;

	while (at < end && events->nr < events->room) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline) {
			keep(text, at, end);
			return nbytes;
		}
		read_up_to(text, at, newline, events);
		at = newline + 1;
	}
	return (size_t)(at - bytes);
}

void trace_text_end(struct trace_text *text, struct trace_events *events)
{
	if (text->ncarry)
		read_carry(text, events);
}

void trace_text_deinit(struct trace_text *text)
{
	intern_deinit(&text->gfp);
}
