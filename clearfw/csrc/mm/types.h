/* SPDX-License-Identifier: MIT */
/* The structs that the files of mm/ share. The functions over them stand in the header of each file. */
#ifndef CLEARFW_TYPES_H
#define CLEARFW_TYPES_H

#include "base/error.h"
#include "mm/buddy.h"
#include "mm/config.h"
#include "mm/kasan.h"
#include "mm/kmap.h"
#include "mm/memory.h"
#include "mm/page_table.h"
#include "mm/pcp.h"
#include "mm/stats.h"

#include <pthread.h>

struct cpu;
struct machine;

/* Gigantic blocks: up to 1 << 20 pages, 4 GiB of 4 KiB pages. */
#define MAX_CONTIG_ORDER 20

enum init_point { INIT_ALLOC, INIT_FREE, INIT_VMALLOC, NR_INIT_POINTS };

#define INIT_STACK_MAX 16

/*
 * Stands in for a chain when some implementation is not native. Returns 1 for
 * claimed, 0 for passed on by all, negative when it failed and has kept the reason.
 * WHAT is a struct page * and N its pages, or a vmalloc address and N its bytes.
 */
typedef int (*init_callback)(void *context, enum init_point point, const void *what, unsigned long n);

struct init_stack {
	int nr;
	const struct clearfw_strategy *strategy[INIT_STACK_MAX]; /* first asked first */
	init_callback callback;					  /* NULL: the chain decides */
	void *context;
	struct init_stack *next; /* retired */
};

/* struct vm_struct: one allocation. Behind each lies an unmapped guard page. */
struct vmalloc_area {
	struct vmalloc_area *next; /* by address */
	char *start;		   /* untagged */
	size_t nbytes;		   /* as asked for */
	uint32_t nr_pages;
	uint32_t nr_runs; /* physically contiguous pieces, and so mappings */
	uint32_t huge_pages; /* pages under PMD leaves, at the area's beginning */
	void *tagged;	  /* what the caller was given */
	uint32_t *pfns;	  /* area->pages[] */
};

struct vmalloc {
	pthread_mutex_t lock; /* of everything here; the page allocator's locks nest inside it */
	char *start; /* the vmalloc area; NULL until its first use */
	size_t nbytes;
	struct vmalloc_area *areas;
	struct page_table table;
	uint64_t nr_mappings;
	uint64_t max_mappings; /* vm.max_map_count */
};

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
	bool incoherent;    /* non-temporal stores are under way: a fence is to come before the init point returns */
	int kasan_depth;
	int context;	    /* enum clearfw_context: the caller's, and what a strategy has disabled beside */
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
	uint32_t max_pfn;   /* one past the last */
	uint32_t nr_pages;
	struct memory memory;
	struct page *mem_map;
	struct zone zone[MAX_NR_ZONES];
	/* The static keys, decided once at boot (mm/mm_init.c:mem_debugging_and_hardening_init, 7.3). */
	bool init_on_alloc, init_on_free, page_poison;
	bool debug; /* anything that takes post_alloc_hook() or free_pages_prepare() off the fast path */
	_Atomic(struct init_stack *) stack[NR_INIT_POINTS];
	struct init_stack *retired_stacks; /* replaced, but perhaps still in use by another thread */
	const struct clearfw_primitive *primitive[NR_PRIMITIVE_SIZES];
	const struct clearfw_primitive *instruction[CLEARFW_NR_INSTRUCTIONS]; /* NULL if the CPU lacks it */
	struct kasan kasan;
	struct vmalloc vmalloc;
	pthread_mutex_t lock; /* of cpus, retired_stats and the stacks */
	struct cpu *cpus;
	struct clearfw_stats retired_stats; /* of threads that are gone */
	struct machine *next;		    /* all machines */
	atomic_uint nr_events;
	uint8_t events[EVENT_LOG_SIZE];
};

#endif
