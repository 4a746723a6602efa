/* SPDX-License-Identifier: MIT */

#include "trace/ring_buffer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* enum ring_buffer_type (include/linux/ring_buffer.h, 7.3); 1 to 28: that many words of data */
enum { TYPE_LONG = 0, TYPE_PADDING = 29, TYPE_TIME_EXTEND = 30, TYPE_TIME_STAMP = 31 };

#define HEADER_BYTES 4u
#define DELTA_BITS 27

/* kernel/trace/ring_buffer.c, 7.3: RB_MISSED_EVENTS, RB_MISSED_STORED. Ints there: in 64 bits the sign spreads. */
#define MISSED_EVENTS (1u << 31)
#define MISSED_STORED (1u << 30)

/* An absolute stamp has 59 bits; the page's stamp knows the rest (rb_fix_abs_ts). */
#define STAMP_BITS 59
#define STAMP_TOP (~UINT64_C(0) << STAMP_BITS)

#define FAST static inline __attribute__((always_inline))

/*
 * One sub-buffer being decoded. It never leaves the function that has it, so that a store to a column of bytes,
 * which may alias all that does, has nothing of it loaded again.
 */
struct pass {
	struct rb_decoder *decoder;
	struct rb_layout layout;
	uint32_t record_bytes[NR_TRACE_KINDS];
	struct trace_events out;
	const unsigned char *at, *end;
	uint64_t ts;
};

FAST uint32_t load32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

FAST uint64_t load(const unsigned char *record, struct rb_field field)
{
	uint64_t u64;
	uint16_t u16;

	switch (field.size) {
	case 8:
		memcpy(&u64, record + field.offset, sizeof(u64));
		return u64;
	case 4:
		return load32(record + field.offset);
	case 2:
		memcpy(&u16, record + field.offset, sizeof(u16));
		return u16;
	case 1:
		return record[field.offset];
	default:
		return 0;
	}
}

/* struct ring_buffer_event: bit fields, which the compiler lays out by the byte order. */
FAST uint32_t type_of(uint32_t header)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return header & 31;
#else
	return header >> DELTA_BITS;
#endif
}

FAST uint32_t delta_of(uint32_t header)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return header >> 5;
#else
	return header & ((1u << DELTA_BITS) - 1);
#endif
}

static bool fits(struct rb_field field, uint32_t nbytes)
{
	bool known = !field.size || field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;

	return known && field.offset <= nbytes && field.size <= nbytes - field.offset;
}

static uint32_t reach(uint32_t nbytes, struct rb_field field)
{
	uint32_t end = field.size ? field.offset + field.size : 0;

	return end > nbytes ? end : nbytes;
}

static bool record_init(struct rb_decoder *decoder, int kind)
{
	const struct rb_layout *layout = &decoder->layout;
	const struct rb_record *record = &layout->record[kind];
	const struct rb_field field[] = { layout->type, record->pid,  record->pfn,
					  record->order, record->gfp, record->migratetype };

	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++) {
		if (!fits(field[i], layout->nbytes))
			return false;
		decoder->record_bytes[kind] = reach(decoder->record_bytes[kind], field[i]);
	}
	return true;
}

bool rb_init(struct rb_decoder *decoder, const struct rb_layout *layout)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->layout = *layout;
	if (layout->data > layout->nbytes || layout->timestamp.size != 8 || layout->commit.size < 4 ||
	    layout->type.size != 2)
		return false;
	if (!fits(layout->timestamp, layout->data) || !fits(layout->commit, layout->data))
		return false;
	for (int kind = 0; kind < NR_TRACE_KINDS; kind++) {
		if (!record_init(decoder, kind))
			return false;
	}
	return true;
}

void rb_deinit(struct rb_decoder *decoder)
{
	intern_deinit(&decoder->gfp);
}

uint32_t rb_most_events(const struct rb_decoder *decoder)
{
	return (decoder->layout.nbytes - decoder->layout.data) / RB_EVENT_BYTES;
}

FAST bool gfp_index(struct rb_decoder *decoder, uint64_t flags, uint32_t *index)
{
	struct rb_gfp *cached = &decoder->gfp_cache[(flags ^ flags >> 6 ^ flags >> 12 ^ flags >> 18) % RB_GFP_CACHE];
	int found;

	if (!cached->known || cached->flags != flags) {
		found = intern(&decoder->gfp, &flags, sizeof(flags));
		if (found < 0)
			return false;
		*cached = (struct rb_gfp){ flags, (uint32_t)found, true };
	}
	*index = cached->index;
	return true;
}

/* A failed allocation has pfn -1UL (mm_page_alloc), whose width is the kernel's. */
FAST uint64_t load_pfn(const unsigned char *record, struct rb_field field)
{
	uint64_t pfn = load(record, field);

	return field.size == 4 && pfn == UINT32_MAX ? TRACE_NO_PFN : pfn;
}

FAST bool append(struct pass *pass, int kind, const unsigned char *at)
{
	const struct rb_record *record = &pass->layout.record[kind];
	struct trace_events *out = &pass->out;
	size_t nr = out->nr;
	uint32_t gfp = 0;

	if (record->gfp.size && !gfp_index(pass->decoder, load(at, record->gfp), &gfp))
		return false;
	out->ts[nr] = pass->ts;
	out->pfn[nr] = load_pfn(at, record->pfn);
	out->gfp[nr] = gfp;
	out->pid[nr] = (int32_t)load(at, record->pid);
	out->migratetype[nr] = record->migratetype.size ? (int8_t)load(at, record->migratetype) : -1;
	out->order[nr] = (uint8_t)load(at, record->order);
	out->kind[nr] = (uint8_t)kind;
	out->nr++;
	return true;
}

FAST int kind_of(const struct rb_layout *layout, uint16_t id)
{
	for (int kind = 0; kind < NR_TRACE_KINDS; kind++) {
		if (layout->record[kind].id == id && layout->record[kind].recorded)
			return kind;
	}
	return -1;
}

enum verdict { GOOD, MALFORMED, NO_MEMORY };

FAST enum verdict decode_record(struct pass *pass, const unsigned char *at, size_t nbytes)
{
	const struct rb_field type = pass->layout.type;
	int kind;

	if (nbytes < type.offset + type.size)
		return MALFORMED;
	kind = kind_of(&pass->layout, (uint16_t)load(at, type));
	if (kind < 0) {
		pass->decoder->counts.other++;
		return GOOD;
	}
	if (nbytes < pass->record_bytes[kind])
		return MALFORMED;
	return append(pass, kind, at) ? GOOD : NO_MEMORY;
}

/* rb_fix_abs_ts(), 7.3 */
static uint64_t whole_stamp(uint64_t stamp, uint64_t before)
{
	if (!(before & STAMP_TOP))
		return stamp;
	stamp |= before & STAMP_TOP;
	return stamp < before ? stamp + (UINT64_C(1) << STAMP_BITS) : stamp;
}

/* When it is after what is no data: padding, and time that passed; WORD is the one behind the header. */
static uint64_t pass_time(uint64_t ts, uint32_t type, uint32_t delta, uint32_t word)
{
	uint64_t wide = ((uint64_t)word << DELTA_BITS) + delta;

	if (type == TYPE_TIME_EXTEND)
		return ts + wide;
	if (type == TYPE_TIME_STAMP)
		return whole_stamp(wide, ts);
	/* A discarded event has 1 in place of 0: check_buffer(), 7.3 */
	return delta == 1 ? ts : ts + delta;
}

/* What has a word behind its header that tells of it. */
FAST enum verdict decode_rare(struct pass *pass, uint32_t type, uint32_t delta)
{
	const unsigned char *body = pass->at + HEADER_BYTES;
	size_t left = (size_t)(pass->end - body), nbytes = 4;
	uint32_t word;

	/* rb_null_event(): nothing follows in this sub-buffer. */
	if (type == TYPE_PADDING && !delta) {
		pass->at = pass->end;
		return GOOD;
	}
	if (left < 4)
		return MALFORMED;
	word = load32(body);
	if (type == TYPE_LONG || type == TYPE_PADDING)
		nbytes = word;
	if (nbytes < 4 || nbytes > left || nbytes % 4)
		return MALFORMED;
	pass->at = body + nbytes;
	if (type != TYPE_LONG) {
		pass->ts = pass_time(pass->ts, type, delta, word);
		return GOOD;
	}
	pass->ts += delta;
	/* Its length counts the word that holds it. */
	return decode_record(pass, body + 4, nbytes - 4);
}

FAST enum verdict decode_next(struct pass *pass)
{
	uint32_t header = load32(pass->at), type = type_of(header);
	const unsigned char *body = pass->at + HEADER_BYTES;
	size_t nbytes = type * 4u;

	if (type == TYPE_LONG || type >= TYPE_PADDING)
		return decode_rare(pass, type, delta_of(header));
	if (nbytes > (size_t)(pass->end - body))
		return MALFORMED;
	pass->at = body + nbytes;
	pass->ts += delta_of(header);
	return decode_record(pass, body, nbytes);
}

static void count_missed(struct rb_decoder *decoder, const unsigned char *end, size_t left, uint32_t commit)
{
	struct rb_field stored = { 0, decoder->layout.commit.size };

	if (!(commit & MISSED_EVENTS))
		return;
	decoder->counts.missed_pages++;
	/* The count follows the data where there is room: ring_buffer_read_page(), 7.3. */
	if (commit & MISSED_STORED && left >= stored.size)
		decoder->counts.missed += load(end, stored);
}

static enum verdict decode_events(struct rb_decoder *decoder, const unsigned char *page, uint32_t nbytes,
				  struct trace_events *events)
{
	const unsigned char *data = page + decoder->layout.data;
	enum verdict verdict = GOOD;
	struct pass pass = { .decoder = decoder, .layout = decoder->layout, .out = *events, .at = data,
			     .end = data + nbytes, .ts = load(page, decoder->layout.timestamp) };

	memcpy(pass.record_bytes, decoder->record_bytes, sizeof(pass.record_bytes));
	while (verdict == GOOD && pass.at < pass.end)
		verdict = pass.end - pass.at < (ptrdiff_t)HEADER_BYTES ? MALFORMED : decode_next(&pass);
	events->nr = pass.out.nr;
	return verdict;
}

bool rb_decode(struct rb_decoder *decoder, const unsigned char *page, uint16_t cpu,
	       struct trace_events *events)
{
	const struct rb_layout *layout = &decoder->layout;
	uint32_t commit = (uint32_t)load(page, layout->commit), room = layout->nbytes - layout->data;
	uint32_t nbytes = commit & ~(MISSED_EVENTS | MISSED_STORED);
	size_t first = events->nr;
	enum verdict verdict;

	decoder->counts.pages++;
	if (nbytes > room) {
		decoder->counts.malformed++;
		return true;
	}
	count_missed(decoder, page + layout->data + nbytes, room - nbytes, commit);
	verdict = decode_events(decoder, page, nbytes, events);
	for (size_t i = first; i < events->nr; i++)
		events->cpu[i] = cpu;
	decoder->counts.malformed += verdict == MALFORMED;
	return verdict != NO_MEMORY;
}

enum rb_end rb_drain(struct rb_decoder *decoder, int fd, unsigned char *page, uint16_t cpu,
		     struct trace_events *events)
{
	while (events->room - events->nr >= rb_most_events(decoder)) {
		ssize_t got = read(fd, page, decoder->layout.nbytes);

		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? RB_EMPTY : RB_FAILED;
		if (!got)
			return RB_EMPTY;
		memset(page + got, 0, decoder->layout.nbytes - (size_t)got);
		if (!rb_decode(decoder, page, cpu, events))
			return RB_NO_MEMORY;
	}
	return RB_FULL;
}
