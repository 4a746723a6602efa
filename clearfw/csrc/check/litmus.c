/* SPDX-License-Identifier: MIT */

#include "check/litmus.h"

#include "base/clock.h"
#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "primitives/primitive.h"

#include <sched.h>
#include <stdalign.h>
#include <string.h>

/* Some 100 us: past that the other thread is not running, and wants this one's CPU. */
#define SPINS 10000
#define END_WORDS 64
#define STOP UINT64_MAX

/* Apart from each other by more than the two lines a prefetcher takes at once. */
struct litmus {
	alignas(256) atomic_ullong flag; /* the round whose page is cleared */
	alignas(256) atomic_ullong reply; /* the round whose page was read */
	alignas(256) const atomic_ullong *words;
	size_t nr_words;
	uint64_t offset;
};

static void relax(int pauses)
{
	while (pauses--)
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		atomic_signal_fence(memory_order_seq_cst);
#endif
}

static uint64_t wait_for_change(atomic_ullong *from, uint64_t old, int pauses)
{
	uint64_t now;

	for (unsigned int spins = 0; (now = atomic_load_explicit(from, memory_order_acquire)) == old; spins++) {
		relax(pauses);
		if (spins > SPINS)
			sched_yield();
	}
	return now;
}

/* The ends of the page, of which one was written last; more would be visible by the time it was read. */
static uint64_t find_stale(const struct litmus *litmus)
{
	for (size_t i = 0; i < END_WORDS; i++) {
		size_t last = litmus->nr_words - 1 - i;

		if (atomic_load_explicit(&litmus->words[last], memory_order_relaxed))
			return last * sizeof(*litmus->words);
		if (atomic_load_explicit(&litmus->words[i], memory_order_relaxed))
			return i * sizeof(*litmus->words);
	}
	return UINT64_MAX;
}

static void *read_pages(void *context)
{
	struct litmus *litmus = context;
	uint64_t turn = 0;

	/* Seldom, and at another moment each time: a flag under constant reading is slow to change. */
	while ((turn = wait_for_change(&litmus->flag, turn, (int)(turn % 16))) != STOP) {
		litmus->offset = find_stale(litmus);
		atomic_store_explicit(&litmus->reply, turn, memory_order_release);
	}
	return NULL;
}

static int clear(struct machine *machine, enum init_point point, struct page *page,
		 const struct clearfw_primitive *primitive)
{
	size_t nbytes = machine_page_size(machine);

	if (!primitive)
		return init_pages(this_cpu(machine), point, page, 1);
	memset(machine_page_bytes(machine, page), GARBAGE_BYTE, nbytes);
	primitive->zero(machine_page_bytes(machine, page), nbytes);
	return 0;
}

int litmus_run(struct machine *machine, enum init_point point, struct page *page,
	       const struct clearfw_primitive *primitive, uint64_t budget_ns, struct litmus_result *result)
{
	struct litmus litmus = {
		.words = machine_page_bytes(machine, page),
		.nr_words = machine_page_size(machine) / sizeof(*litmus.words),
		.offset = UINT64_MAX,
	};
	uint64_t turn = 0, end = clock_ns() + budget_ns;
	struct cpu *cpu = this_cpu(machine);
	pthread_t reader;
	int status = 0;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (core_pthread_create(&reader, read_pages, &litmus))
		return clearfw_fail(&cpu->error, CLEARFW_ESYS, "starting a thread");
	while (litmus.offset == UINT64_MAX && clock_ns() < end) {
		/* The flag in this CPU's cache: then it becomes visible at once, and overtakes what it can. */
		__builtin_prefetch(&litmus.flag, 1);
		status = clear(machine, point, page, primitive);
		if (status)
			break;
		atomic_store_explicit(&litmus.flag, ++turn, memory_order_release);
		wait_for_change(&litmus.reply, turn - 1, 0);
	}
	atomic_store_explicit(&litmus.flag, STOP, memory_order_release);
	pthread_join(reader, NULL);
	*result = (struct litmus_result){ turn, litmus.offset };
	return status;
}
