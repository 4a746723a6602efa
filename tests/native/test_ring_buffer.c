/* SPDX-License-Identifier: MIT */
/*
 * Sub-buffers as a kernel fills them, and such as none ever would: each lies at the end of its own allocation, so
 * that AddressSanitizer sees a read past it.
 */
#include "trace/ring_buffer.h"

#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 256, DATA = 16, ROOM = PAGE - DATA, COLUMN = 64, ALLOC_ID = 252, FREE_ID = 254 };

static const struct rb_layout layout = {
	.nbytes = PAGE,
	.data = DATA,
	.timestamp = { 0, 8 },
	.commit = { 8, 8 },
	.type = { 0, 2 },
	.record = {
		[TRACE_ALLOC] = { true, ALLOC_ID, { 4, 4 }, { 8, 8 }, { 16, 4 }, { 24, 8 }, { 32, 4 } },
		[TRACE_FREE] = { true, FREE_ID, { 4, 4 }, { 8, 8 }, { 16, 4 }, { 0, 0 }, { 0, 0 } },
	},
};

static struct rb_decoder decoder;
static uint64_t ts[COLUMN], pfn[COLUMN];
static uint32_t gfp[COLUMN];
static int32_t pid[COLUMN];
static uint16_t cpu[COLUMN];
static int8_t migratetype[COLUMN];
static uint8_t order[COLUMN], kind[COLUMN];
static struct trace_events events = { ts, pfn, gfp, pid, cpu, migratetype, order, kind, 0, COLUMN };

static unsigned char *page;
static uint32_t fill;

static void begin(uint64_t stamp)
{
	memset(page, 0, PAGE);
	memcpy(page, &stamp, 8);
	fill = 0;
	events.nr = 0;
	memset(&decoder.counts, 0, sizeof(decoder.counts));
}

static void put(const void *bytes, uint32_t nbytes)
{
	CHECK(fill + nbytes <= ROOM);
	memcpy(page + DATA + fill, bytes, nbytes);
	fill += nbytes;
}

static void put_word(uint32_t word)
{
	put(&word, 4);
}

static void put_header(uint32_t type_len, uint32_t delta)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	put_word(type_len | delta << 5);
#else
	put_word(type_len << 27 | delta);
#endif
}

static void put_free(uint64_t nr)
{
	unsigned char record[20] = { 0 };
	uint16_t id = FREE_ID;

	memcpy(record, &id, 2);
	memcpy(record + 8, &nr, 8);
	put(record, sizeof(record));
}

static bool decode(uint32_t commit)
{
	/* The flags are ints in the kernel: the sign reaches the upper half. */
	int64_t wide = (int32_t)commit;

	memcpy(page + 8, &wide, 8);
	return rb_decode(&decoder, page, 3, &events);
}

/* Time passes with every event, by extensions and by absolute stamps; padding is no event. */
static void test_time(void)
{
	begin(1000);
	put_header(5, 7);
	put_free(1);
	put_header(30, 2); /* 2 and 1 << 27 later */
	put_word(1);
	put_header(5, 0);
	put_free(2);
	put_header(29, 1); /* a discarded event of no time */
	put_word(8);
	put_word(0);
	put_header(29, 9); /* one of some */
	put_word(4);
	put_header(5, 0);
	put_free(3);
	put_header(31, 5); /* an absolute stamp */
	put_word(1u << 31);
	put_header(0, 1); /* a long record */
	put_word(24);
	put_free(4);
	put_header(29, 0); /* nothing follows */
	put_header(5, 1);
	put_free(5);
	CHECK(decode(fill) && events.nr == 4);
	CHECK(ts[0] == 1007 && pfn[0] == 1 && kind[0] == TRACE_FREE && cpu[0] == 3 && migratetype[0] == -1);
	CHECK(ts[1] == 1009 + (1u << 27) && pfn[1] == 2);
	CHECK(ts[2] == ts[1] + 9 && pfn[2] == 3);
	CHECK(ts[3] == ((uint64_t)1 << 58) + 6 && pfn[3] == 4);
	CHECK(!decoder.counts.malformed && !decoder.counts.other && decoder.counts.pages == 1);
}

/* An absolute stamp has 59 bits: the rest is the page's, and one more when these went round. */
static void test_wide_stamp(void)
{
	uint64_t top = (uint64_t)3 << 59;

	begin(top + 100);
	put_header(31, 50);
	put_word(0);
	put_header(5, 0);
	put_free(1);
	CHECK(decode(fill) && ts[0] == ((uint64_t)4 << 59) + 50);
	begin(top + 100);
	put_header(31, 200);
	put_word(0);
	put_header(5, 0);
	put_free(1);
	CHECK(decode(fill) && ts[0] == top + 200);
}

/* Missed events are told by a flag, and counted where the count had room. */
static void test_missed(void)
{
	uint64_t missed = 77;

	begin(0);
	put_header(5, 0);
	put_free(1);
	memcpy(page + DATA + fill, &missed, 8);
	CHECK(decode(fill | 1u << 31 | 1u << 30) && events.nr == 1);
	CHECK(decoder.counts.missed == 77 && decoder.counts.missed_pages == 1);
	CHECK(decode(fill | 1u << 31) && decoder.counts.missed == 77 && decoder.counts.missed_pages == 2);
	begin(0);
	CHECK(decode(ROOM | 1u << 31 | 1u << 30) && !decoder.counts.missed && decoder.counts.missed_pages == 1);
}

/* Each length that does not fit is one malformed sub-buffer; what was before it stays. */
static void test_malformed(void)
{
	const uint32_t type_len[] = { 28, 0, 0, 0, 29, 29, 29, 3, 4 };
	const uint32_t word[] = { 0, 1 << 20, 3, 7, 1 << 20, 0, 6, ALLOC_ID, FREE_ID };

	for (size_t i = 0; i < sizeof(word) / sizeof(*word); i++) {
		begin(0);
		put_header(5, 0);
		put_free(1);
		put_header(type_len[i], 2);
		put_word(word[i]);
		put_word(0);
		put_word(0);
		put_word(0);
		put_word(0);
		CHECK(decode(fill) && events.nr == 1 && decoder.counts.malformed == 1);
	}
	begin(0);
	CHECK(decode(ROOM + 1) && !events.nr && decoder.counts.malformed == 1);
	begin(0);
	put_header(30, 2);
	CHECK(decode(fill) && decoder.counts.malformed == 1);
	begin(0);
	CHECK(decode(3) && decoder.counts.malformed == 1);
}

/* Records of other tracepoints are counted, however short. */
static void test_other(void)
{
	begin(0);
	put_header(1, 0);
	put_word(9);
	CHECK(decode(fill) && !events.nr && decoder.counts.other == 1 && !decoder.counts.malformed);
}

static uint64_t state = 88172645463325252u;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Whatever the bytes, it stays inside of them and of the columns. */
static void test_hostile(void)
{
	for (int round = 0; round < 200000; round++) {
		begin(random64());
		for (uint32_t i = DATA; i < PAGE; i++)
			page[i] = (unsigned char)(random64() >> (round % 3 ? 0 : 58));
		for (int i = 0; i < 6; i++) {
			uint16_t id = i % 2 ? ALLOC_ID : FREE_ID;

			memcpy(page + DATA + 4 * (random64() % (ROOM / 4)), &id, 2);
		}
		CHECK(decode((uint32_t)random64() & (round % 2 ? 0xc00001ff : 0xff)) || decoder.gfp.nr);
		CHECK(events.nr <= rb_most_events(&decoder) && decoder.counts.pages == 1);
	}
}

/* Fields that are outside of their record, or of a size that no integer has, are refused. */
static void test_layouts(void)
{
	static struct rb_decoder refused;
	struct rb_layout wrong = layout;

	wrong.record[TRACE_ALLOC].gfp.offset = UINT32_MAX;
	CHECK(!rb_init(&refused, &wrong));
	wrong = layout;
	wrong.record[TRACE_FREE].order.size = 3;
	CHECK(!rb_init(&refused, &wrong));
	wrong = layout;
	wrong.commit.offset = DATA;
	CHECK(!rb_init(&refused, &wrong));
	wrong = layout;
	wrong.data = PAGE + 1;
	CHECK(!rb_init(&refused, &wrong));
	wrong = layout;
	wrong.type.size = 0;
	CHECK(!rb_init(&refused, &wrong));
}

/* A file is read until it has no more, or the columns have no room for another sub-buffer. */
static void test_drain(void)
{
	int fds[2];
	unsigned char *buffer = malloc(PAGE);

	CHECK(buffer && !pipe2(fds, O_NONBLOCK));
	begin(0);
	put_header(5, 0);
	put_free(1);
	CHECK(decode(fill));
	events.nr = 0;
	for (int i = 0; i < 3; i++)
		CHECK(write(fds[1], page, PAGE) == PAGE);
	CHECK(rb_drain(&decoder, fds[0], buffer, 0, &events) == RB_EMPTY && events.nr == 3);
	CHECK(write(fds[1], page, PAGE) == PAGE);
	events.nr = COLUMN - rb_most_events(&decoder) + 1;
	CHECK(rb_drain(&decoder, fds[0], buffer, 0, &events) == RB_FULL);
	events.nr = 0;
	CHECK(rb_drain(&decoder, fds[0], buffer, 0, &events) == RB_EMPTY && events.nr == 1);
	close(fds[1]);
	CHECK(rb_drain(&decoder, fds[0], buffer, 0, &events) == RB_EMPTY);
	close(fds[0]);
	CHECK(rb_drain(&decoder, fds[0], buffer, 0, &events) == RB_FAILED);
	free(buffer);
}

int main(void)
{
	page = malloc(PAGE);
	CHECK(page && rb_init(&decoder, &layout) && rb_most_events(&decoder) == ROOM / RB_EVENT_BYTES);
	test_time();
	test_wide_stamp();
	test_missed();
	test_malformed();
	test_other();
	test_layouts();
	test_drain();
	test_hostile();
	rb_deinit(&decoder);
	free(page);
	return 0;
}
