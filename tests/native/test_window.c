/* SPDX-License-Identifier: MIT */
/* A window is memory like any other, for the thread that opened it: against a copy that is real. */
#include "mm/window.h"

#include "check.h"
#include "primitives/primitive.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT 4096ul
#define CHUNKS 48ul
#define SIZE (CHUNKS * WINDOW_CHUNK)

/* The sanitizer has a handler of its own, which would get what is not the window's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "handle_segv=0";
}

static char *reservation, *start;
static struct window *window;

static char *reserve(size_t nbytes)
{
	char *at = mmap(NULL, nbytes + WINDOW_CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

static char *aligned(char *at)
{
	return (char *)(((uintptr_t)at + WINDOW_CHUNK - 1) & ~(WINDOW_CHUNK - 1));
}

static void begin(void)
{
	struct clearfw_error error = { 0 };

	reservation = reserve(SIZE);
	start = aligned(reservation);
	window = window_open(start, SIZE, &error);
	CHECK(window && !error.code);
}

static void end(void)
{
	window_close(window);
	munmap(reservation, SIZE + WINDOW_CHUNK);
}

static bool holds(size_t offset, size_t nbytes, uint8_t byte)
{
	size_t where;
	uint8_t found;

	return window_is_filled(window, offset, nbytes, byte, &where, &found);
}

static void begins_zero(void)
{
	begin();
	CHECK(holds(0, SIZE, 0));
	for (size_t at = 0; at < SIZE; at += WINDOW_CHUNK / 3)
		CHECK(start[at] == 0);
	CHECK(holds(0, SIZE, 0));
	end();
}

/* Every order in which strategies clear leaves all of the range clear, and nothing else touched. */
static void clears(const char *what, void (*clear)(char *, size_t))
{
	size_t from = 3 * WINDOW_CHUNK + 5 * UNIT, nbytes = 37 * WINDOW_CHUNK + UNIT;

	begin();
	window_fill(window, 0, SIZE, GARBAGE_BYTE);
	clear(start + from, nbytes);
	fprintf(stderr, "%s: %lu moves\n", what, window_moves(window));
	CHECK(!window_is_lost(window));
	CHECK(holds(from, nbytes, 0));
	CHECK(holds(0, from, GARBAGE_BYTE));
	CHECK(holds(from + nbytes, SIZE - from - nbytes, GARBAGE_BYTE));
	end();
}

static void whole(char *at, size_t nbytes)
{
	memset(at, 0, nbytes);
}

static void forwards(char *at, size_t nbytes)
{
	for (size_t done = 0; done < nbytes; done += UNIT)
		memset(at + done, 0, UNIT);
}

static void backwards(char *at, size_t nbytes)
{
	for (size_t left = nbytes; left; left -= UNIT)
		memset(at + left - UNIT, 0, UNIT);
}

/* mm/memory.c:process_huge_page, 6.12: from both ends to the page in the middle. */
static void to_the_middle(char *at, size_t nbytes)
{
	size_t nr = nbytes / UNIT;

	for (size_t i = 0; i < nr / 2; i++) {
		memset(at + i * UNIT, 0, UNIT);
		memset(at + (nr - 1 - i) * UNIT, 0, UNIT);
	}
	if (nr % 2)
		memset(at + nr / 2 * UNIT, 0, UNIT);
}

static void lines_first(char *at, size_t nbytes)
{
	for (size_t done = 0; done < nbytes; done += UNIT)
		memset(at + done + 64, 0, UNIT - 64);
	for (size_t done = 0; done < nbytes; done += UNIT)
		memset(at + done, 0, 64);
}

static void only_what_is_dirty(char *at, size_t nbytes)
{
	for (size_t done = 0; done < nbytes; done += 8)
		if (*(uint64_t *)(at + done))
			*(uint64_t *)(at + done) = 0;
}

/* As many at a time as there are slots at most. */
static void eight_streams(char *at, size_t nbytes)
{
	size_t share = nbytes / UNIT / 8;

	for (size_t i = 0; i < share; i++)
		for (size_t stream = 0; stream < 8; stream++)
			memset(at + (stream * share + i) * UNIT, 0, UNIT);
	for (size_t done = 8 * share * UNIT; done < nbytes; done += UNIT)
		memset(at + done, 0, UNIT);
}

static uint32_t next_random(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33);
}

/* Writes and reads anywhere, of any length, of bytes that it keeps and of others. */
static void is_memory(void)
{
	static char copy[12 * WINDOW_CHUNK];
	static const uint8_t bytes[] = { 0, GARBAGE_BYTE, 1, 0xff };

	begin();
	for (int step = 0; step < 3000; step++) {
		size_t nbytes = next_random() % (step % 50 ? 3 * UNIT : WINDOW_CHUNK);
		size_t at = next_random() % (sizeof(copy) - nbytes);
		uint8_t byte = bytes[next_random() % 4];

		if (step % 7 == 0) {
			at &= ~(UNIT - 1);
			nbytes &= ~(UNIT - 1);
			byte = bytes[next_random() % 2];
			window_fill(window, at, nbytes, byte);
		} else if (step % 3) {
			memset(start + at, byte, nbytes);
		} else {
			CHECK(!memcmp(start + at, copy + at, nbytes));
			continue;
		}
		memset(copy + at, byte, nbytes);
	}
	CHECK(!window_is_lost(window));
	for (size_t unit = 0; unit < sizeof(copy); unit += UNIT)
		for (int i = 0; i < 2; i++) {
			size_t where = 0, wanted = 0;
			uint8_t found = 0;
			bool filled = primitive_is_filled(copy + unit, UNIT, bytes[i], &wanted);

			CHECK(window_is_filled(window, unit, UNIT, bytes[i], &where, &found) == filled);
			CHECK(filled || (where == unit + wanted && found == (uint8_t)copy[where]));
		}
	CHECK(!memcmp(start, copy, sizeof(copy)));
	end();
}

/* More odd pages than are kept: all of them are known to be odd, and to come back to one is to lose sight. */
static void too_many_odd_pages(void)
{
	size_t where;
	uint8_t found;

	begin();
	window_fill(window, 0, SIZE, GARBAGE_BYTE);
	for (size_t at = 0; at < SIZE; at += UNIT)
		start[at + 1000] = 7;
	CHECK(!window_is_lost(window));
	for (size_t at = 0; at < SIZE; at += UNIT) {
		CHECK(!window_is_filled(window, at, UNIT, 0, &where, &found) && where == at && found == GARBAGE_BYTE);
		CHECK(!window_is_filled(window, at, UNIT, GARBAGE_BYTE, &where, &found));
		CHECK(where == at + 1000 && found == 7);
	}
	CHECK(start[1000] == 7);
	CHECK(!window_is_lost(window));
	start[SIZE - UNIT] = 0;
	CHECK(window_is_lost(window));
	window_fill(window, 0, SIZE, 0);
	CHECK(!window_is_lost(window) && holds(0, SIZE, 0));
	forwards(start, SIZE);
	end();
}

/* One byte of each chunk, again and again: it lets the thread run, and says that it lost sight. */
static void loses_sight(void)
{
	begin();
	window_fill(window, 0, SIZE, GARBAGE_BYTE);
	for (int round = 0; round < 40 && !window_is_lost(window); round++)
		for (size_t at = 0; at < SIZE; at += WINDOW_CHUNK)
			start[at + (size_t)round] = 0;
	CHECK(window_is_lost(window));
	for (size_t at = 0; at < SIZE; at += UNIT)
		start[at] = 0;
	window_fill(window, 0, UNIT, 0);
	CHECK(window_is_lost(window));
	window_fill(window, 0, SIZE, GARBAGE_BYTE);
	CHECK(!window_is_lost(window));
	forwards(start, SIZE);
	CHECK(holds(0, SIZE, 0));
	end();
}

static void has_a_second_address(void)
{
	char *second = reserve(8 * WINDOW_CHUNK), *at = aligned(second);

	begin();
	CHECK(window_alias(window, at, 8 * WINDOW_CHUNK));
	window_map(window, at + WINDOW_CHUNK, 7 * WINDOW_CHUNK, 2 * WINDOW_CHUNK);
	window_fill(window, 0, SIZE, GARBAGE_BYTE);
	memset(at + WINDOW_CHUNK, 0, 2 * WINDOW_CHUNK);
	start[7 * WINDOW_CHUNK + 9] = 5;
	CHECK(at[WINDOW_CHUNK + 9] == 5);
	at[WINDOW_CHUNK + 9] = 0;
	CHECK(start[7 * WINDOW_CHUNK + 9] == 0);
	CHECK(holds(7 * WINDOW_CHUNK, 2 * WINDOW_CHUNK, 0));
	CHECK(holds(0, 7 * WINDOW_CHUNK, GARBAGE_BYTE));
	window_unmap(window, at + WINDOW_CHUNK, 2 * WINDOW_CHUNK);
	CHECK(holds(9 * WINDOW_CHUNK, SIZE - 9 * WINDOW_CHUNK, GARBAGE_BYTE));
	end();
	munmap(second, 9 * WINDOW_CHUNK);
}

/* Faults that are not its own */

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	_exit(info->si_addr == start - 8 ? 42 : 43);
}

static void *touch(void *at)
{
	*(volatile char *)at = 0;
	return NULL;
}

static void touch_in_a_thread(void *at)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, touch, at));
	pthread_join(thread, NULL);
}

static int status_of(void (*work)(void *), void *at)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

		sigaction(SIGSEGV, &action, NULL);
		begin();
		work(at ? at : start - 8);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void touch_here(void *at)
{
	start[0] = 1;
	touch(at);
}

static void touch_window_elsewhere(void *unused)
{
	(void)unused;
	touch_in_a_thread(start);
}

static void leaves_other_faults_alone(void)
{
	struct sigaction before, after;

	CHECK(status_of(touch_here, NULL) == 42);
	CHECK(status_of(touch_window_elsewhere, NULL) == 43);
	CHECK(!sigaction(SIGSEGV, NULL, &before));
	begin();
	start[1] = 1;
	end();
	CHECK(!sigaction(SIGSEGV, NULL, &after));
	CHECK(before.sa_sigaction == after.sa_sigaction);
}

int main(void)
{
	begins_zero();
	clears("whole", whole);
	clears("forwards", forwards);
	clears("backwards", backwards);
	clears("to the middle", to_the_middle);
	clears("lines first", lines_first);
	clears("only what is dirty", only_what_is_dirty);
	clears("eight streams", eight_streams);
	is_memory();
	too_many_odd_pages();
	loses_sight();
	has_a_second_address();
	leaves_other_faults_alone();
	return 0;
}
