/* SPDX-License-Identifier: MIT */

#include "bench/pass.h"

#include "base/affinity.h"
#include "base/barrier.h"
#include "base/clock.h"
#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "mm/page_contig.h"
#include "primitives/primitive.h"

#include <errno.h>

static int alloc_block(struct machine *machine, const struct arena_pass *pass, struct page **page)
{
	int status = pass->order > MAX_PAGE_ORDER ? machine_alloc_contig(machine, pass->order, pass->gfp, page)
						  : machine_alloc(machine, pass->order, pass->gfp, page);

	if (!status)
		consumer_touch(machine, *page, pass->order, pass->touch);
	return status;
}

/* These two tell in *done how many blocks they got through: all of them, or those before the failure. */

static int alloc_blocks(struct machine *machine, const struct arena_pass *pass, struct page **pages, uint64_t nr,
			uint64_t *done)
{
	int status = 0;

	*done = 0;
	while (*done < nr && !status) {
		uint64_t n = pass->bulk && (uint64_t)pass->bulk < nr - *done ? (uint64_t)pass->bulk : nr - *done;

		if (pass->bulk)
			status = machine_alloc_bulk(machine, pass->gfp, pages + *done, (int)n);
		else
			status = alloc_block(machine, pass, pages + *done);
		*done += status ? 0 : pass->bulk ? n : 1;
	}
	return status;
}

static int free_blocks(struct machine *machine, const struct arena_pass *pass, struct page **pages, uint64_t nr,
		       uint64_t *done)
{
	int status = 0;

	*done = 0;
	while (*done < nr && !status) {
		uint64_t n = pass->bulk && (uint64_t)pass->bulk < nr - *done ? (uint64_t)pass->bulk : nr - *done;

		if (pass->bulk)
			status = machine_free_bulk(machine, pages + *done, (int)n);
		else
			status = machine_free(machine, pages[*done], pass->order);
		*done += status ? 0 : pass->bulk ? n : 1;
	}
	return status;
}

/* What a failure left allocated goes back with no init point, so that the chunk is whole again. */
static void abandon(struct machine *machine, const struct arena_pass *pass, struct page **pages, uint64_t from,
		    uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		machine_free_raw(machine, pages[i], pass->order);
}

/* One thread's share of a pass. */
struct share {
	struct machine *machine;
	const struct arena_pass *pass;
	struct page **pages;
	uint64_t nr;
	uint64_t allocated, freed;
	struct barrier *barrier; /* NULL: the calling thread does it */
	int thread;
	int status;
	struct clearfw_error error; /* the thread's CPU is gone when it is looked at */
	uint64_t alloc_start, alloc_end, free_start, free_end;
};

static int run_hot(struct share *share)
{
	for (uint64_t i = 0; i < share->nr; i++) {
		struct page *page;
		int status = alloc_block(share->machine, share->pass, &page);

		if (status)
			return status;
		status = machine_free(share->machine, page, share->pass->order);
		if (status) {
			machine_free_raw(share->machine, page, share->pass->order);
			return status;
		}
	}
	return 0;
}

static int no_cpu(struct clearfw_error *error)
{
	errno = ENOMEM;
	return clearfw_fail(error, CLEARFW_ESYS, "a thread's page lists");
}

/* All that is not to be timed, and then until all are there. False: it was called off. */
static bool get_ready(struct share *share)
{
	if (!share->barrier)
		return true;
	pin_to_nth_cpu(share->thread);
	share->status = this_cpu(share->machine) ? 0 : no_cpu(&share->error);
	return barrier_wait(share->barrier) && !share->status;
}

static void *alloc_share(void *context)
{
	struct share *share = context;

	if (!get_ready(share))
		return NULL;
	share->alloc_start = clock_ns();
	share->status = share->pass->hot
				? run_hot(share)
				: alloc_blocks(share->machine, share->pass, share->pages, share->nr, &share->allocated);
	share->alloc_end = clock_ns();
	if (share->status && current_cpu.machine_id == share->machine->id)
		share->error = current_cpu.cpu->error;
	return NULL;
}

static void *free_share(void *context)
{
	struct share *share = context;

	if (share->pass->hot)
		return NULL;
	if (!get_ready(share))
		return NULL;
	share->free_start = clock_ns();
	share->status = free_blocks(share->machine, share->pass, share->pages, share->allocated, &share->freed);
	share->free_end = clock_ns();
	if (share->status && current_cpu.machine_id == share->machine->id)
		share->error = current_cpu.cpu->error;
	return NULL;
}

#define MAX_THREADS 64

static int cannot_start(struct machine *machine, int thread, int error)
{
	struct cpu *cpu = this_cpu(machine);

	if (!cpu)
		return -CLEARFW_ESYS;
	errno = error;
	return clearfw_fail(&cpu->error, CLEARFW_ESYS, "starting thread %d", thread + 1);
}

/* Every share in a thread of its own, all at once, or none and an error. */
static int run_threads(struct share *shares, int threads, void *(*run)(void *))
{
	struct barrier barrier = BARRIER_INIT(threads);
	pthread_t thread[MAX_THREADS];
	int started = 0, error = 0;

	while (started < threads && !error) {
		shares[started].barrier = &barrier;
		shares[started].thread = started;
		error = core_pthread_create(&thread[started], run, &shares[started]);
		started += !error;
	}
	if (error)
		barrier_call_off(&barrier);
	for (int i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	return error ? cannot_start(shares[0].machine, started, error) : 0;
}

static int run_shares(struct share *shares, int threads, void *(*run)(void *))
{
	if (threads > 1)
		return run_threads(shares, threads, run);
	run(&shares[0]);
	return 0;
}

static uint64_t first_dirty(const struct arena *arena, uint32_t chunk, const struct arena_pass *pass)
{
	size_t where;

	if (!pass->verify || pass->touch != TOUCH_NONE || pass->hot ||
	    primitive_is_filled(arena_chunk_bytes(arena, chunk), arena_chunk_nbytes(arena), 0, &where))
		return UINT64_MAX;
	return where;
}

static int collect(struct machine *machine, const struct share *shares, int threads)
{
	for (int i = 0; i < threads; i++)
		if (shares[i].status) {
			struct cpu *cpu = this_cpu(machine);

			if (cpu)
				cpu->error = shares[i].error;
			return shares[i].status;
		}
	return 0;
}

static uint64_t span(const struct share *shares, int threads, bool frees)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (int i = 0; i < threads; i++) {
		uint64_t from = frees ? shares[i].free_start : shares[i].alloc_start;
		uint64_t to = frees ? shares[i].free_end : shares[i].alloc_end;

		start = from < start ? from : start;
		end = to > end ? to : end;
	}
	return end - start;
}

static void split_work(const struct arena *arena, const struct arena_pass *pass, struct share *shares)
{
	uint64_t blocks = arena->chunk_pages >> pass->order, done = 0;

	for (int i = 0; i < pass->threads; i++) {
		uint64_t upto = blocks * (uint64_t)(i + 1) / (uint64_t)pass->threads;

		shares[i] = (struct share){
			.machine = arena->machine, .pass = pass, .pages = arena->pages + done, .nr = upto - done
		};
		done = upto;
	}
}

static int run_pass(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, struct share *shares,
		    struct arena_times *times)
{
	int status;

	status = run_shares(shares, pass->threads, alloc_share);
	if (!status)
		status = collect(arena->machine, shares, pass->threads);
	if (status)
		return status;
	times->alloc_ns = span(shares, pass->threads, false);
	/* With init_on_free, what is zero is the memory after it was freed. */
	if (!arena->machine->init_on_free)
		times->dirty_offset = first_dirty(arena, chunk, pass);
	status = run_shares(shares, pass->threads, free_share);
	if (status)
		return status;
	status = collect(arena->machine, shares, pass->threads);
	times->free_ns = pass->hot ? 0 : span(shares, pass->threads, true);
	if (!status && arena->machine->init_on_free)
		times->dirty_offset = first_dirty(arena, chunk, pass);
	return status;
}

int arena_run(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, struct arena_times *times)
{
	struct share shares[MAX_THREADS] = { 0 };
	int status;

	*times = (struct arena_times){ .blocks = arena->chunk_pages >> pass->order, .dirty_offset = UINT64_MAX };
	split_work(arena, pass, shares);
	arena_open_chunk(arena, chunk);
	status = run_pass(arena, chunk, pass, shares, times);
	for (int i = 0; i < pass->threads; i++)
		abandon(arena->machine, pass, shares[i].pages, shares[i].freed, shares[i].allocated);
	arena_close_chunk(arena, chunk);
	return status;
}

int arena_latency(struct arena *arena, uint32_t chunk, const struct arena_pass *pass, uint32_t *latency_ns,
		  uint64_t *count)
{
	uint64_t cost = clock_cost_ns(), blocks = arena->chunk_pages >> pass->order, freed = 0;
	int status = 0;

	arena_open_chunk(arena, chunk);
	for (*count = 0; *count < blocks && !status; *count += !status) {
		uint64_t start = clock_ns(), ns;

		status = alloc_block(arena->machine, pass, &arena->pages[*count]);
		ns = clock_ns() - start;
		ns = ns > cost ? ns - cost : 0;
		latency_ns[*count] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
	}
	if (!status)
		status = free_blocks(arena->machine, pass, arena->pages, *count, &freed);
	abandon(arena->machine, pass, arena->pages, freed, *count);
	arena_close_chunk(arena, chunk);
	return status;
}

uint64_t arena_roofline(struct arena *arena, uint32_t chunk, const struct clearfw_primitive *primitive,
			size_t call_bytes)
{
	char *bytes = arena_chunk_bytes(arena, chunk);
	size_t nbytes = arena_chunk_nbytes(arena);
	uint64_t start;

	arena_dirty(arena, chunk);
	start = clock_ns();
	for (size_t at = 0; at < nbytes; at += call_bytes) {
		primitive->zero(bytes + at, nbytes - at < call_bytes ? nbytes - at : call_bytes);
		if (primitive->fence)
			primitive->fence();
	}
	return clock_ns() - start;
}
