/* SPDX-License-Identifier: MIT */
/*
 * What a compiled strategy and the core agree on: struct page, the table of
 * functions the core lends to a strategy, and the record a strategy exports.
 * Nothing here depends on CONFIG_ options, so one core serves strategies
 * compiled for any configuration. Change anything and CLEARFW_ABI goes up.
 */
#ifndef CLEARFW_ABI_H
#define CLEARFW_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLEARFW_ABI 2

/* struct page: 32 bytes, two to a cache line. */
struct page {
	uint32_t flags; /* enum clearfw_page_flags */
	uint32_t pfn;
	void *virtual; /* untagged direct-map address, NULL for HIGHMEM (as WANT_PAGE_VIRTUAL) */
	union {
		struct {
			uint32_t next, prev; /* pfns, on a free list */
		} lru;
		unsigned long private; /* owned by the allocator's user; head pfn in a tail page */
	};
	uint8_t order;	   /* of the block this page heads */
	uint8_t kasan_tag; /* 0xff: match-all (KASAN_TAG_KERNEL) */
	uint8_t zone;	   /* enum clearfw_zone_type */
	uint8_t reserved;
	int32_t mapcount; /* 0: not mapped by anyone; anything else makes a bad page on free */
};

enum clearfw_page_flags {
	PG_buddy = 1u << 0,    /* head of a free block in the buddy */
	PG_pcp = 1u << 1,      /* head of a free block on a per-CPU list */
	PG_head = 1u << 2,     /* head of an allocated block */
	PG_compound = 1u << 3, /* allocated with __GFP_COMP */
	PG_tail = 1u << 4,     /* tail of a compound block: private is the head's pfn */
	PG_highmem = 1u << 5,  /* lies in ZONE_HIGHMEM */
	PG_hwpoison = 1u << 6, /* memory failure: never goes back to the buddy */
	PG_hugetlb = 1u << 7,  /* belongs to a hugetlb pool */
	PG_bad = 1u << 8,      /* leaked on free by free_page_is_bad() */
};

enum clearfw_zone_type { ZONE_NORMAL, ZONE_HIGHMEM, MAX_NR_ZONES };

/* What a strategy has disabled, each as often as its bits count. */
enum clearfw_context {
	CLEARFW_PREEMPT = 1,
	CLEARFW_SOFTIRQ = 1 << 9, /* SOFTIRQ_DISABLE_OFFSET */
	CLEARFW_ATOMIC = (1 << 16) - 1, /* preempt_count() is this much of it */
	CLEARFW_PAGEFAULT = 1 << 16,
	CLEARFW_MIGRATE = 1 << 22,
	CLEARFW_IRQ = 1 << 28, /* off or on */
};

/* Instructions by name: what clear_pages_with() takes. */
enum clearfw_instruction { CLEARFW_REP, CLEARFW_NT, CLEARFW_CLZERO, CLEARFW_NR_INSTRUCTIONS };

/* What the core lends to a strategy. A strategy sees it through strategy.h only. */
struct clearfw_core {
	uint32_t abi;
	uint32_t size;
	void (*clear_pages)(void *addr, unsigned int npages);
	void (*clear_pages_incoherent)(void *addr, unsigned int npages);
	void (*clear_page_make_coherent)(void);
	void *(*memset)(void *addr, int c, size_t nbytes); /* KASAN-checked; NULL and no write on a report */
	void *(*kmap_local_page)(struct page *page);
	void (*kunmap_local)(const void *addr);
	struct page *(*pfn_to_page)(unsigned long pfn);
	struct page *(*virt_to_page)(const void *addr);
	struct page *(*vmalloc_to_page)(const void *addr);
	bool (*is_vmalloc_addr)(const void *addr);
	void (*kasan_depth_add)(int delta);
	void (*might_sleep)(const char *what);
	void (*warn)(const char *file, int line, const char *what);
	/*
	 * The physically contiguous run that begins at ADDR of a vmalloc area: its length in pages, at most MAX,
	 * and its first page in *FIRST; 0 where ADDR lies in no area. Read off the area's pages[], as
	 * include/linux/mm_inline.h:num_pages_contiguous does (7.3), and counted as one page walk.
	 */
	unsigned int (*vmalloc_run)(const void *addr, unsigned int max, struct page **first);
	/* Incoherent where the instruction's stores are; the machine's primitive where the CPU lacks it. */
	void (*clear_pages_with)(enum clearfw_instruction instruction, void *addr, unsigned int npages);
	void (*tag_clear_pages)(struct page *page, unsigned int npages, bool clear);
	bool (*preempt_model_preemptible)(void);
	unsigned int (*context)(void); /* the caller's, and what the strategy has disabled beside */
	void (*context_add)(int delta); /* of enum clearfw_context */
	bool (*irqs_set)(bool on); /* returns whether they were off */
	void (*irqs_restore)(bool off);
	bool (*cpu_has)(unsigned int feature); /* X86_FEATURE_* */
	void (*bug)(const char *file, int line, const char *what) __attribute__((noreturn));
};

/* What a strategy file exports, as the symbol `clearfw_strategy`. */
struct clearfw_strategy {
	uint32_t abi;
	uint32_t size;
	const char *name;
	const struct clearfw_core **core; /* where the loader puts the core's table */
	/* The kernel's signatures: these always claim. */
	void (*kernel_init_pages)(struct page *page, int numpages);
	void (*init_vmalloc_pages)(const void *start, unsigned long size);
	/* These may pass on by returning false. */
	bool (*init_on_alloc)(struct page *page, int numpages);
	bool (*init_on_free)(struct page *page, int numpages);
	bool (*init_on_vmalloc)(const void *start, unsigned long size);
	bool (*init_bulk)(struct page **pages, int nr);
};

/* What a primitive file exports, as the symbol `clearfw_primitive`. */
struct clearfw_primitive {
	uint32_t abi;
	uint32_t size;
	const char *name;
	const char *instruction;		  /* one phrase for people */
	void (*zero)(void *addr, size_t nbytes); /* page-aligned, whole pages */
	void (*fence)(void);			  /* makes the stores visible; NULL: nothing to do */
	bool (*supported)(void);		  /* NULL: everywhere it compiles */
};

#endif
