/* SPDX-License-Identifier: MIT */

#include "trace/trace_fields.h"

#include "mm/gfp.h"

/* 1 << order must be a number. */
#define ORDER_MAX 63

static const char *read_word(const char *at, const char *end, const char **word, size_t *nbytes)
{
	*word = at;
	/* Words are long here, and blanks all that is between them: flags may have 200 bytes. */
	at = memchr(at, ' ', (size_t)(end - at)) ?: end;
	*nbytes = (size_t)(at - *word);
	return *nbytes ? at : NULL;
}

/* An old kernel aligns "(null)" to the right. */
static const char *read_page(const char *at, const char *end, struct trace_fields *fields)
{
	return read_word(skip_spaces(at, end), end, &fields->page, &fields->npage);
}

/* pfns are in hex since 5.x, all numbers are with ftrace's option "fields". */
static const char *read_number(const char *at, const char *end, uint64_t *value)
{
	const char *digits = after(at, end, "0x");

	return digits ? hexadecimal(digits, end, value) : decimal(at, end, value);
}

static const char *read_pfn(const char *at, const char *end, struct trace_fields *fields)
{
	return read_number(at, end, &fields->pfn);
}

static const char *read_order(const char *at, const char *end, struct trace_fields *fields)
{
	at = read_number(at, end, &fields->order);
	return at && fields->order <= ORDER_MAX ? at : NULL;
}

static const char *read_migratetype(const char *at, const char *end, struct trace_fields *fields)
{
	bool is_negative = at < end && *at == '-';
	uint64_t value;

	at = read_number(at + is_negative, end, &value);
	if (!at || value > INT8_MAX)
		return NULL;
	fields->migratetype = (int8_t)(is_negative ? -(int)value : (int)value);
	return at;
}

static const char *read_gfp_flags(const char *at, const char *end, struct trace_fields *fields)
{
	return read_word(at, end, &fields->gfp, &fields->ngfp);
}

enum { PAGE, PFN, ORDER, MIGRATETYPE, GFP_FLAGS, NR_KNOWN };

static const struct {
	const char *(*read)(const char *at, const char *end, struct trace_fields *fields);
	const char *expected;
} known[NR_KNOWN] = {
	[PAGE] = { read_page, "page=POINTER, once" },
	[PFN] = { read_pfn, "pfn=NUMBER, once" },
	[ORDER] = { read_order, "order=NUMBER, once" },
	[MIGRATETYPE] = { read_migratetype, "migratetype=NUMBER, once" },
	[GFP_FLAGS] = { read_gfp_flags, "gfp_flags=FLAGS, once" },
};

static const char *read_known(struct line *line, const char *at, const char *value, unsigned int which,
			      struct trace_fields *fields)
{
	const char *end = NULL;

	if (!(fields->seen & 1u << which))
		end = known[which].read(value, line->end, fields);
	if (!end || (end < line->end && !is_space(*end))) {
		wrong(line, at, known[which].expected);
		return NULL;
	}
	fields->seen |= 1u << which;
	return end;
}

/* A field that some kernel has and that says nothing of the page, as cold=; and "(2)", the 0x2 before it. */
static const char *skip_field(struct line *line, const char *at)
{
	const char *end = skip_word(at, line->end);
	bool is_aside = *at == '(' && end[-1] == ')';

	if (!is_aside && !memchr(at, '=', (size_t)(end - at))) {
		wrong(line, at, "KEY=VALUE");
		return NULL;
	}
	return end;
}

/* The names stand here, and not in a table, so that none is compared by a call. */
static const char *read_field(struct line *line, const char *at, struct trace_fields *fields)
{
	const char *value;

	if ((value = after(at, line->end, "page=")))
		return read_known(line, at, value, PAGE, fields);
	if ((value = after(at, line->end, "pfn=")))
		return read_known(line, at, value, PFN, fields);
	if ((value = after(at, line->end, "order=")))
		return read_known(line, at, value, ORDER, fields);
	if ((value = after(at, line->end, "migratetype=")))
		return read_known(line, at, value, MIGRATETYPE, fields);
	if ((value = after(at, line->end, "gfp_flags=")))
		return read_known(line, at, value, GFP_FLAGS, fields);
	return skip_field(line, at);
}

static bool has_all(struct line *line, const struct trace_fields *fields, enum trace_kind kind)
{
	static const unsigned int wanted[NR_TRACE_KINDS] = {
		[TRACE_ALLOC] = 1u << PFN | 1u << ORDER | 1u << GFP_FLAGS,
		[TRACE_FREE] = 1u << PFN | 1u << ORDER,
		[TRACE_FREE_BATCHED] = 1u << PFN,
	};
	unsigned int missing = wanted[kind] & ~fields->seen;

	return !missing || wrong(line, line->end, known[__builtin_ctz(missing)].expected);
}

static bool is_null(const char *at, size_t nbytes)
{
	const char *end = at + nbytes, *digits = after(at, end, "0x");
	uint64_t value = 1;

	if (after(at, end, "(n") || after(at, end, "NULL")) /* (nil), (null) */
		return true;
	return hexadecimal(digits ?: at, end, &value) == end && !value;
}

/* TP_printk shows a failure, whose pfn is -1, as page NULL and pfn 0; a page at pfn 0 has another pointer. */
static bool has_failed(const struct trace_fields *fields)
{
	return !fields->pfn && fields->seen & 1u << PAGE && is_null(fields->page, fields->npage);
}

bool trace_fields_read(struct line *line, const char *at, enum trace_kind kind, struct trace_fields *fields)
{
	const char *start = at;

	*fields = (struct trace_fields){ .migratetype = -1, .gfp = "none", .ngfp = 4 };
	while ((at = skip_spaces(at, line->end)) < line->end)
		if (!(at = read_field(line, at, fields)))
			return false;
	if (!has_all(line, fields, kind))
		return false;
	if (kind == TRACE_ALLOC && has_failed(fields))
		fields->pfn = TRACE_NO_PFN;
	return kind == TRACE_ALLOC || fields->pfn != TRACE_NO_PFN || wrong(line, start, "the pfn of a page");
}
