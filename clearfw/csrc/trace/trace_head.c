/* SPDX-License-Identifier: MIT */
#include "trace/trace_head.h"

/* TASK_COMM_LEN without its NUL (include/linux/sched.h, 7.3). */
#define COMM_MAX 15
/* From the end of a comm to the [CPU], at most: "-4194304   (4194304) [", and to spare. */
#define HEAD_MAX 48

#define NS_A_SECOND 1000000000u
#define NS_DIGITS 9

/* What follows the dot of a time in seconds: microseconds as a rule, nanoseconds where asked for. */
static const char *read_fraction(const char *at, const char *end, uint64_t *ns)
{
	const char *start = at;
	uint64_t found = 0;

	for (; at < end && is_digit(*at) && at - start < NS_DIGITS; at++)
		found = 10 * found + (uint64_t)(*at - '0');
	for (long digits = at - start; digits < NS_DIGITS; digits++)
		found *= 10;
	*ns = found;
	return at == start ? NULL : at;
}

static const char *read_seconds(const char *dot, const char *end, uint64_t *ts)
{
	uint64_t ns;
	const char *next = read_fraction(dot + 1, end, &ns);

	if (!next || __builtin_mul_overflow(*ts, NS_A_SECOND, ts) || __builtin_add_overflow(*ts, ns, ts))
		return NULL;
	return next;
}

static const char *read_ts(const char *at, const char *end, uint64_t *ts)
{
	const char *next = decimal(at, end, ts), *us;

	if (!next || next == end || *next == ':')
		return next; /* a clock that counts something else than time */
	if (*next == '.')
		return read_seconds(next, end, ts);
	us = after(next, end, "us");
	if (!us || __builtin_mul_overflow(*ts, 1000, ts))
		return NULL;
	/* Between "us" and ":", the latency format has the mark of a long delay, or a blank. */
	return us < end && *us != ':' ? us + 1 : us;
}

/* The time, its colon, and where the event begins. */
static bool read_time(struct line *line, const char *at, struct trace_head *head)
{
	const char *next = read_ts(at, line->end, &head->ts);

	if (!next || next == line->end || *next != ':')
		return wrong(line, at, "a time and \":\"");
	head->event = skip_spaces(next + 1, line->end);
	return true;
}

/* Irqs off, need-resched and so on are a word that no digit begins, where they are shown. */
static bool read_flags_and_time(struct line *line, const char *at, struct trace_head *head)
{
	at = skip_spaces(at, line->end);
	if (at < line->end && !is_digit(*at))
		at = skip_spaces(skip_word(at, line->end), line->end);
	return read_time(line, at, head);
}

static const char *read_pid(struct line *line, const char *at, struct trace_head *head)
{
	uint64_t pid;
	const char *next = decimal(at, line->end, &pid);

	if (!next || pid > INT32_MAX) {
		wrong(line, at, "a pid");
		return NULL;
	}
	head->pid = (int32_t)pid;
	return next;
}

static const char *read_cpu(struct line *line, const char *at, struct trace_head *head)
{
	uint64_t cpu;
	const char *next = decimal(at, line->end, &cpu);

	if (!next || cpu > UINT16_MAX) {
		wrong(line, at, "a processor's number");
		return NULL;
	}
	head->cpu = (uint16_t)cpu;
	return next;
}

static const char *back_over_spaces(const char *start, const char *at)
{
	while (at > start && is_space(at[-1]))
		at--;
	return at;
}

static const char *back_over_digits(const char *start, const char *at)
{
	while (at > start && is_digit(at[-1]))
		at--;
	return at;
}

/* The thread group, "(  409)" or "(-----)", may stand before the processor. */
static const char *back_over_tgid(const char *start, const char *at)
{
	const char *open = at;

	if (at == start || at[-1] != ')')
		return at;
	while (open > start && at - open < HEAD_MAX && *open != '(')
		open--;
	return *open == '(' ? back_over_spaces(start, open) : at;
}

/* The end of perf's TASK, before PID or PID/TID; NULL: there is no separate number here. */
static const char *back_over_perf_pid(const char *start, const char *tid)
{
	const char *pid = tid > start && tid[-1] == '/' ? back_over_digits(start, tid - 1) : tid;

	return pid == start || is_space(pid[-1]) ? back_over_spaces(start, pid) : NULL;
}

static bool read_task(struct line *line, const char *before_cpu, struct trace_head *head)
{
	const char *end = back_over_tgid(line->start, back_over_spaces(line->start, before_cpu));
	const char *pid = back_over_digits(line->start, end);

	if (pid == end || end == before_cpu)
		return false;
	head->is_perf = pid == line->start || pid[-1] != '-';
	head->task_end = head->is_perf ? back_over_perf_pid(line->start, pid) : pid - 1;
	return head->task_end && read_pid(line, pid, head);
}

/* The head around "[CPU]". */
static bool read_head(struct line *line, const char *bracket, struct trace_head *head)
{
	const char *at;

	if (!read_task(line, bracket, head) || !(at = read_cpu(line, bracket + 1, head)))
		return false;
	if (at == line->end || *at != ']')
		return wrong(line, at, "\"]\" after the processor");
	return read_flags_and_time(line, at + 1, head);
}

/* The head around the dash of "TASK-PID" in the latency format: irq flags follow the processor at once. */
static bool read_latency_head(struct line *line, const char *dash, struct trace_head *head)
{
	const char *at = dash + 1;

	if (at == line->end || !is_digit(*at) || !(at = read_pid(line, at, head)))
		return false;
	if (at == line->end || !is_space(*at) || !(at = read_cpu(line, skip_spaces(at, line->end), head)))
		return false;
	if (at == line->end || is_space(*at))
		return wrong(line, at, "irq flags");
	head->task_end = dash;
	head->is_perf = false;
	return read_flags_and_time(line, at, head);
}

/*
 * A comm may hold anything, even what looks like a head, and so may the text of another event. But a comm is
 * short: of all that could be a head, it is the last with a comm before it, or else the first.
 */
static bool find(struct line *line, char mark, bool (*read)(struct line *, const char *, struct trace_head *),
		 struct trace_head *head)
{
	const char *first = skip_spaces(line->start, line->end), *at = first, *end = line->end;
	bool found = false;

	while (at < end && (at = memchr(at, mark, (size_t)(end - at)))) {
		struct trace_head here;

		if (read(line, at++, &here)) {
			bool has_comm = here.task_end - first <= COMM_MAX;

			if (!found || has_comm)
				*head = here;
			if (!has_comm)
				return true;
			found = true;
			if (end - first > COMM_MAX + HEAD_MAX)
				end = first + COMM_MAX + HEAD_MAX;
		}
	}
	return found;
}

bool trace_head_find(struct line *line, struct trace_head *head)
{
	return find(line, '[', read_head, head) || find(line, '-', read_latency_head, head);
}
