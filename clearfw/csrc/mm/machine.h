/* SPDX-License-Identifier: MIT */
/* A machine: booted memory with a configuration, and the CPUs (threads) that run on it. */
#ifndef CLEARFW_MACHINE_H
#define CLEARFW_MACHINE_H

#include "mm/buddy.h"
#include "mm/config.h"
#include "base/error.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/kasan.h"
#include "mm/kmap.h"
#include "mm/memory.h"
#include "mm/pcp.h"
#include "mm/stats.h"
#include "mm/vmalloc.h"

#include <pthread.h>

/* Primitives are chosen by the power of two of the pages in one call; the last entry serves all above. */
#define NR_PRIMITIVE_SIZES 20

/* What happens at an init point, in the order it happens: tests compare it with the kernel's. */
#define CLEARFW_EVENTS(X)                                                     \
	X(SET_PAGE_PRIVATE) X(ARCH_ALLOC_PAGE) X(KERNEL_UNPOISON_PAGES)       \
	X(TAG_CLEAR_HIGHPAGES) X(KASAN_UNPOISON_PAGES) X(PAGE_KASAN_TAG_RESET) \
	X(INIT) X(INTEGRATED_INIT) X(PREP_COMPOUND_PAGE)                      \
	X(TRACE_MM_PAGE_FREE) X(HWPOISON) X(BAD_PAGE) X(KERNEL_POISON_PAGES)  \
	X(KASAN_POISON_PAGES) X(ARCH_FREE_PAGE)

enum clearfw_event {
#define CLEARFW_EVENT_ENUM(name) EVENT_##name,
	CLEARFW_EVENTS(CLEARFW_EVENT_ENUM)
#undef CLEARFW_EVENT_ENUM
	NR_EVENTS,
};

#define EVENT_LOG_SIZE 4096

/* A thread that runs on the machine; the kernel's CPU and its current task in one. */
struct cpu {
	struct machine *machine;
	struct cpu *next;
	pthread_t thread;
	/*
	 * Who may touch the per-CPU lists: the owner sets busy without a fence; whoever
	 * drains them from outside sets claimed, then makes every thread of the process
	 * pass a barrier (membarrier(2)), and waits for busy to fall.
	 */
	atomic_bool busy;
	atomic_bool claimed;
	bool in_init;	    /* inside an init point */
	bool vmalloc_inits; /* vmalloc clears these pages itself: page_alloc must not */
	int violation;	    /* enum clearfw_errno: what a strategy did wrong in this init point, or 0 */
	int kasan_depth;
	struct pcp pcp[MAX_NR_ZONES];
	struct kmap_ctrl kmap;
	struct clearfw_stats stats;
	struct kasan_report kasan_report; /* the latest */
	struct clearfw_error error;	  /* of the latest failed call */
};

struct machine {
	uint64_t id; /* never reused, so that a thread can tell a new machine from an old one */
	struct clearfw_config config;
	uint32_t page_shift;
	uint32_t first_pfn; /* above 0: there is a hole below */
	uint32_t nr_pages;  /* max_pfn, one past the last */
	struct memory memory;
	struct page *mem_map;
	struct zone zone[MAX_NR_ZONES];
	/* The static keys, decided once at boot (mm/mm_init.c:mem_debugging_and_hardening_init, 7.3). */
	bool init_on_alloc, init_on_free, page_poison;
	bool debug; /* anything that takes post_alloc_hook() or free_pages_prepare() off the fast path */
	_Atomic(struct init_stack *) stack[NR_INIT_POINTS];
	struct init_stack *retired_stacks; /* replaced, but perhaps still in use by another thread */
	const struct clearfw_primitive *primitive[NR_PRIMITIVE_SIZES];
	struct kasan kasan;
	struct vmalloc vmalloc;
	pthread_mutex_t lock; /* of cpus, retired_stats and the stacks */
	struct cpu *cpus;
	struct clearfw_stats retired_stats; /* of threads that are gone */
	struct machine *next;		    /* all machines */
	atomic_uint nr_events;
	uint8_t events[EVENT_LOG_SIZE];
};

/* NULL and *err filled in on failure. The zones begin wholly free and zeroed (init_on_free's invariant). */
struct machine *machine_create(const struct clearfw_config *config, struct clearfw_error *err);
/* No other thread may be inside the machine. */
void machine_destroy(struct machine *machine);

/* Counters of all threads, past and present. */
void machine_stats(struct machine *machine, struct clearfw_stats *stats);
void machine_reset_stats(struct machine *machine);

/* Every size class uses PRIMITIVE. */
void machine_set_primitive(struct machine *machine, const struct clearfw_primitive *primitive);

/* NULL when every structure agrees with every other, else what is wrong. No other thread may be inside. */
const char *machine_is_valid(struct machine *machine);

/* Gives all per-CPU lists back to the buddy: mm/page_alloc.c:drain_all_pages. */
void machine_drain(struct machine *machine);

uint64_t machine_nr_free(struct machine *machine);

static inline size_t machine_page_size(const struct machine *machine)
{
	return (size_t)1 << machine->page_shift;
}

/* The core's own address of a page's bytes, HIGHMEM included. */
static inline void *machine_page_bytes(const struct machine *machine, const struct page *page)
{
	return memory_at(&machine->memory, (size_t)page->pfn << machine->page_shift);
}

/* The kernel has a struct page for every pfn of a section, memory or not; here those of a hole come when asked for. */
struct page *machine_pfn_to_page(struct machine *machine, unsigned long pfn);

static inline void machine_event(struct machine *machine, enum clearfw_event event)
{
	unsigned int n;

	if (__builtin_expect(!machine->config.record_events, 1))
		return;
	n = atomic_fetch_add_explicit(&machine->nr_events, 1, memory_order_relaxed);
	if (n < EVENT_LOG_SIZE)
		machine->events[n] = (uint8_t)event;
}

struct current_cpu {
	uint64_t machine_id;
	struct cpu *cpu;
};

/* The machine this thread was last on. Two words of static TLS, so that reading them is one instruction. */
extern __thread struct current_cpu current_cpu __attribute__((tls_model("initial-exec")));

/* This thread's first call on the machine; NULL without memory. */
struct cpu *cpu_attach(struct machine *machine);

static inline struct cpu *this_cpu(struct machine *machine)
{
	if (__builtin_expect(current_cpu.machine_id == machine->id, 1))
		return current_cpu.cpu;
	return cpu_attach(machine);
}

/* Brackets every use of the per-CPU lists. */
extern bool cpu_needs_fence;
void cpu_wait_for_drain(struct cpu *cpu);

static inline void cpu_lists_begin(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->busy, true, memory_order_relaxed);
	if (__builtin_expect(cpu_needs_fence, 0))
		atomic_thread_fence(memory_order_seq_cst);
	else
		atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&cpu->claimed, memory_order_relaxed), 0))
		cpu_wait_for_drain(cpu);
}

static inline void cpu_lists_end(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->busy, false, memory_order_release);
}

#endif
