/* SPDX-License-Identifier: MIT */
#include "mm/window.h"

#include "base/fault_inject.h"
#include "mm/window_units.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_UNITS (WINDOW_CHUNK / WINDOW_UNIT)
/* As many as streams of stores that go on side by side: more are added as chunks are come back to. */
#define FIRST_SLOTS 4
#define MAX_SLOTS 32

#define NO_CHUNK UINT32_MAX

/* A real chunk: where it is mapped now, and what it holds. */
struct slot {
	char *at;
	uint32_t chunk;
};

/* Address space through which chunks are reached; CHUNKS: those of each 2 MiB, plus 1; NULL: in order. */
struct view {
	char *start;
	size_t nbytes;
	uint32_t *chunks;
};

struct window {
	struct window *next;
	pthread_t owner;
	struct view view[2]; /* the direct map, and the vmalloc area */
	size_t nr_chunks;
	struct window_units units; /* what is kept of the chunks that are not here */
	uint8_t *seen;		   /* chunks that were here since the last fill */
	char *homes; /* where slots begin, and wait */
	char *reservation;
	int nr_slots, newest;
	struct slot slot[MAX_SLOTS];
	unsigned long moves, returns;
	bool lost;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window *list;
static struct sigaction previous;

/* The old chunk's units are kept and the new one's given back side by side, while each is in the cache. */
static bool exchange(struct window *window, struct slot *slot, uint32_t chunk)
{
	bool whole = true;

	for (size_t unit = 0; unit < CHUNK_UNITS; unit++) {
		char *bytes = slot->at + unit * WINDOW_UNIT;

		if (slot->chunk != NO_CHUNK)
			window_units_keep(&window->units, slot->chunk * CHUNK_UNITS + unit, bytes);
		if (chunk != NO_CHUNK)
			whole &= window_units_give_back(&window->units, chunk * CHUNK_UNITS + unit, bytes);
	}
	slot->chunk = chunk;
	return whole;
}

/* Moving */

static bool cover(char *at, size_t nbytes)
{
	return mmap(at, nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
	       MAP_FAILED;
}

/* Page tables move, and nothing is copied. */
static bool move(struct slot *slot, char *to)
{
	char *from = slot->at;

	if (from == to)
		return true;
	if (mremap(from, WINDOW_CHUNK, WINDOW_CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return false;
	slot->at = to;
	return cover(from, WINDOW_CHUNK);
}

static char *home(const struct window *window, const struct slot *slot)
{
	return window->homes + (size_t)(slot - window->slot) * WINDOW_CHUNK;
}

/* Huge where the host has them to give: else its page table moves whole, which is as quick. */
static bool fill_slot(const struct window *window, struct slot *slot)
{
	char *at = home(window, slot);

	if (mmap(at, WINDOW_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		return false;
	madvise(at, WINDOW_CHUNK, MADV_HUGEPAGE);
	*slot = (struct slot){ at, NO_CHUNK };
	return true;
}

/* First in, first out: who reads or writes a chunk that is mapped does so unseen. */
static struct slot *oldest_slot(struct window *window)
{
	struct slot *slot;

	window->newest = (window->newest + 1) % window->nr_slots;
	slot = &window->slot[window->newest];
	return slot->at || fill_slot(window, slot) ? slot : NULL;
}

static struct slot *slot_of(struct window *window, uint32_t chunk)
{
	for (int i = 0; i < window->nr_slots; i++)
		if (window->slot[i].at && window->slot[i].chunk == chunk)
			return &window->slot[i];
	return NULL;
}

static void count_return(struct window *window, uint32_t chunk)
{
	if (window->seen[chunk] && ++window->returns && window->nr_slots < MAX_SLOTS)
		window->nr_slots++;
	window->seen[chunk] = 1;
}

static bool goes_to_and_fro(const struct window *window)
{
	return window->returns > 2 * window->nr_chunks + 256;
}

/* Map one chunk everywhere: the thread runs on, but its clears are unknown. */
static bool let_run(struct window *window)
{
	bool mapped = true;

	window->lost = true;
	for (int i = 0; i < window->nr_slots; i++)
		window->slot[i] = (struct slot){ NULL, NO_CHUNK };
	for (const struct view *view = window->view; view < window->view + 2; view++)
		for (size_t i = 0; i < view->nbytes / WINDOW_CHUNK; i++)
			if (!view->chunks || view->chunks[i])
				mapped &= mmap(view->start + i * WINDOW_CHUNK, WINDOW_CHUNK, PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_FIXED, window->units.spill,
					       (off_t)(window->nr_chunks * WINDOW_CHUNK)) != MAP_FAILED;
	return mapped;
}

static bool bring(struct window *window, uint32_t chunk, char *to)
{
	struct slot *slot = slot_of(window, chunk);

	if (slot)
		return slot->at != to && move(slot, to);
	count_return(window, chunk);
	if (goes_to_and_fro(window))
		return let_run(window);
	slot = oldest_slot(window);
	if (!slot)
		return false;
	window->moves++;
	return exchange(window, slot, chunk) ? move(slot, to) : let_run(window);
}

/* All chunks home, and what they held kept. */
static void settle(struct window *window)
{
	for (int i = 0; i < window->nr_slots && !window->lost; i++) {
		struct slot *slot = &window->slot[i];

		if (!slot->at || slot->chunk == NO_CHUNK)
			continue;
		exchange(window, slot, NO_CHUNK);
		move(slot, home(window, slot));
	}
}

/* Faults */

/* The chunk behind ADDR and the place to bring it to; NO_CHUNK: none. */
static uint32_t chunk_at(const struct window *window, const char *addr, char **to)
{
	for (const struct view *view = window->view; view < window->view + 2; view++) {
		size_t offset = (size_t)(addr - view->start), index = offset / WINDOW_CHUNK;

		if (offset >= view->nbytes)
			continue;
		*to = view->start + index * WINDOW_CHUNK;
		return view->chunks ? view->chunks[index] - 1 : (uint32_t)index;
	}
	return NO_CHUNK;
}

bool window_serve(const siginfo_t *info)
{
	bool served = false;

	/* si_addr is 0 for a non-canonical address, and for raise(). */
	if (info->si_code != SEGV_MAPERR && info->si_code != SEGV_ACCERR)
		return false;
	pthread_mutex_lock(&lock);
	for (struct window *window = list; window && !served; window = window->next) {
		char *to;
		uint32_t chunk = chunk_at(window, info->si_addr, &to);

		if (chunk != NO_CHUNK && pthread_equal(window->owner, pthread_self()))
			served = bring(window, chunk, to);
	}
	pthread_mutex_unlock(&lock);
	return served;
}

/* What is not ours faults again, into the handler that was there before. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	int sys_errno = errno;

	(void)context;
	if (!window_serve(info))
		sigaction(signal, &previous, NULL);
	errno = sys_errno;
}

static bool enlist(struct window *window)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	bool installed;

	pthread_mutex_lock(&lock);
	installed = list || !sigaction(SIGSEGV, &action, &previous);
	if (installed) {
		window->next = list;
		list = window;
	}
	pthread_mutex_unlock(&lock);
	return installed;
}

static void delist(const struct window *window)
{
	struct sigaction now;
	bool found = false;

	pthread_mutex_lock(&lock);
	for (struct window **link = &list; *link && !found; link = &(*link)->next)
		if (*link == window) {
			*link = window->next;
			found = true;
			break;
		}
	/* Whoever put a handler over this one keeps it. */
	if (found && !list && !sigaction(SIGSEGV, NULL, &now) && now.sa_sigaction == on_fault)
		sigaction(SIGSEGV, &previous, NULL);
	pthread_mutex_unlock(&lock);
}

/* Opening */

static bool reserve_homes(struct window *window)
{
	size_t nbytes = (MAX_SLOTS + 1) * WINDOW_CHUNK;
	char *at = core_mmap(NULL, nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	window->reservation = at;
	window->homes = (char *)(((uintptr_t)at + WINDOW_CHUNK - 1) & ~(WINDOW_CHUNK - 1));
	return true;
}

static bool set_up(struct window *window)
{
	window->seen = core_calloc(window->nr_chunks, sizeof(*window->seen));
	/* The chunk past the last one is for a thread that is let run. */
	return window->seen && window_units_open(&window->units, window->nr_chunks * CHUNK_UNITS, WINDOW_CHUNK) &&
	       reserve_homes(window) && enlist(window);
}

struct window *window_open(char *start, size_t nbytes, struct clearfw_error *err)
{
	struct window *window = core_calloc(1, sizeof(*window));

	if (window) {
		window->owner = pthread_self();
		window->view[0] = (struct view){ start, nbytes, NULL };
		window->nr_chunks = nbytes / WINDOW_CHUNK;
		window->nr_slots = FIRST_SLOTS;
		window->units.spill = -1;
		if (set_up(window))
			return window;
		clearfw_fail(err, CLEARFW_ESYS, "setting up a window of %zu bytes", nbytes);
		window_close(window);
		return NULL;
	}
	clearfw_fail(err, CLEARFW_ESYS, "setting up a window of %zu bytes", nbytes);
	return NULL;
}

void window_close(struct window *window)
{
	delist(window);
	if (window->reservation)
		munmap(window->reservation, (MAX_SLOTS + 1) * WINDOW_CHUNK);
	window_units_close(&window->units);
	if (window->view[1].chunks)
		munmap(window->view[1].chunks, window->view[1].nbytes / WINDOW_CHUNK * sizeof(uint32_t));
	free(window->seen);
	free(window);
}

/* A second address */

bool window_alias(struct window *window, char *start, size_t nbytes)
{
	uint32_t *chunks = window_map_zeroes(nbytes / WINDOW_CHUNK * sizeof(*chunks));

	if (chunks)
		window->view[1] = (struct view){ start, nbytes, chunks };
	return chunks;
}

void window_map(struct window *window, const char *addr, size_t offset, size_t nbytes)
{
	uint32_t *chunks = window->view[1].chunks + (size_t)(addr - window->view[1].start) / WINDOW_CHUNK;

	for (size_t i = 0; i < nbytes / WINDOW_CHUNK; i++)
		chunks[i] = (uint32_t)(offset / WINDOW_CHUNK + i) + 1;
}

void window_unmap(struct window *window, const char *addr, size_t nbytes)
{
	uint32_t *chunks = window->view[1].chunks + (size_t)(addr - window->view[1].start) / WINDOW_CHUNK;

	settle(window);
	memset(chunks, 0, nbytes / WINDOW_CHUNK * sizeof(*chunks));
}

/* Looking */

/* As it was before it was let run, but for what it holds. */
static void find_again(struct window *window)
{
	for (const struct view *view = window->view; view < window->view + 2; view++)
		if (view->nbytes)
			cover(view->start, view->nbytes);
	window->lost = false;
}

void window_fill(struct window *window, size_t offset, size_t nbytes, uint8_t byte)
{
	settle(window);
	window_units_fill(&window->units, offset / WINDOW_UNIT, nbytes / WINDOW_UNIT, byte);
	memset(window->seen, 0, window->nr_chunks);
	window->returns = 0;
	if (window->lost && nbytes == window->view[0].nbytes)
		find_again(window);
}

bool window_is_filled(struct window *window, size_t offset, size_t nbytes, uint8_t byte, size_t *where,
		      uint8_t *found)
{
	settle(window);
	for (size_t unit = offset / WINDOW_UNIT; unit < (offset + nbytes) / WINDOW_UNIT; unit++)
		if (!window_unit_is_filled(&window->units, unit, byte, where, found))
			return false;
	return true;
}

bool window_is_lost(const struct window *window)
{
	return window->lost;
}

unsigned long window_moves(const struct window *window)
{
	return window->moves;
}
