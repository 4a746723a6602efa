/* SPDX-License-Identifier: MIT */
#include "trace/trace_text.h"

#include "check.h"

#include <string.h>

#define ROOM 4

static uint64_t ts[ROOM], pfn[ROOM];
static uint32_t gfp[ROOM];
static int32_t pid[ROOM];
static uint16_t cpu[ROOM];
static int8_t migratetype[ROOM];
static uint8_t order[ROOM], kind[ROOM];

static struct trace_text text;
static struct trace_events events = { ts, pfn, gfp, pid, cpu, migratetype, order, kind, 0, ROOM };

static const char *const lines[] = {
	"              sh-61      [001] d..1.     6.139211: mm_page_alloc: page=0000000000000000 pfn=0x0 "
	"order=9 migratetype=1 gfp_flags=GFP_KERNEL|__GFP_ZERO\r\n",
	"      sh-61        1..... 6139211us+: mm_page_free: page=00000000911d8796 pfn=0x10101b order=0\n",
	"mine:               sh-61   (-----) [001]     6.139211: mm_page_free_batched: page=0x1 pfn=77\n",
	"            bash 409/410   [000] 13132.837968744: kmem:mm_page_free: page=0x1 pfn=0x1 order=3\n",
	"            bash 10554 [000] 13132.837968744: PERF_RECORD_LOST lost 15\n",
	"mine: CPU:1 [12 EVENTS DROPPED]\n",
	"# entries-in-buffer/entries-written: 693/29137   #P:2\n",
	"# latency: 0 us, #24801/32282, CPU#0\n",
	" => __alloc_frozen_pages_noprof\n",
	"\tffffffff81638ebb __alloc_frozen_pages_noprof+0x26b ([kernel.kallsyms])\n",
	"CPU 1 is empty\n",
	"what is this\n",
};

#define NR_LINES (sizeof(lines) / sizeof(lines[0]))

/* In memory of its own, so that a byte read before or after it is one too many. */
static void feed(const char *bytes, size_t nbytes)
{
	char *copy = malloc(nbytes);
	size_t done = 0;

	CHECK(copy || !nbytes);
	memcpy(copy, bytes, nbytes);
	while (done < nbytes) {
		events.nr = 0;
		done += trace_text_feed(&text, copy + done, nbytes - done, &events);
	}
	free(copy);
}

static void begin(void)
{
	trace_text_deinit(&text);
	memset(&text, 0, sizeof(text));
	events.nr = 0;
}

static void end(void)
{
	events.nr = 0;
	trace_text_end(&text, &events);
	CHECK(text.comments + text.others + text.losses + text.bads <= text.lines);
}

/* Each line is what it is, and a failed allocation has no pfn. */
static void test_whole(void)
{
	begin();
	feed(lines[0], strlen(lines[0]));
	CHECK(events.nr == 1 && pfn[0] == TRACE_NO_PFN && order[0] == 9 && pid[0] == 61 && cpu[0] == 1);
	CHECK(ts[0] == 6139211000 && migratetype[0] == 1 && text.form == TRACE_TEXT_FTRACE);
	for (size_t i = 1; i < NR_LINES; i++)
		feed(lines[i], strlen(lines[i]));
	CHECK(text.lines == NR_LINES && text.comments == 5 && text.losses == 2 && text.bads == 1);
	CHECK(text.lost == 15 + 12 + 28444 + 7481);
}

/* A line that ends anywhere, with and without a newline, in one piece and in two. */
static void test_cut(const char *line)
{
	char cut[256];

	for (size_t nbytes = 0; nbytes < strlen(line); nbytes++) {
		begin();
		feed(line, nbytes);
		end();
		memcpy(cut, line, nbytes);
		cut[nbytes] = '\n';
		begin();
		feed(cut, nbytes + 1);
		CHECK(text.lines == 1);
		begin();
		feed(line, nbytes);
		feed(line + nbytes, strlen(line) - nbytes);
		CHECK(text.lines == 1);
	}
}

/* Every byte of a line replaced by every other. */
static void test_replaced(const char *line)
{
	char changed[256];
	size_t nbytes = strlen(line);

	for (size_t i = 0; i < nbytes; i++) {
		memcpy(changed, line, nbytes);
		for (int byte = 0; byte < 256; byte++) {
			changed[i] = (char)byte;
			begin();
			feed(changed, nbytes);
			end();
		}
	}
}

/* A line without an end takes no more memory than the longest, and is one bad line. */
static void test_endless(void)
{
	static char blanks[TRACE_TEXT_LINE];

	begin();
	memset(blanks, 'x', sizeof(blanks));
	for (int i = 0; i < 10; i++)
		feed(blanks, sizeof(blanks));
	feed("\n", 1);
	feed(lines[1], strlen(lines[1]));
	CHECK(text.lines == 2 && text.bads == 1 && events.nr == 1 && pfn[0] == 0x10101b);
}

int main(void)
{
	test_whole();
	for (size_t i = 0; i < NR_LINES; i++) {
		test_cut(lines[i]);
		test_replaced(lines[i]);
	}
	test_endless();
	trace_text_deinit(&text);
	return 0;
}
