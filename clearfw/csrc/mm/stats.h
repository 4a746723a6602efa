/* SPDX-License-Identifier: MIT */
/* Counters: kept per CPU without atomics, added up when read. */
#ifndef CLEARFW_STATS_H
#define CLEARFW_STATS_H

#include <stdint.h>

#define CLEARFW_STATS(X)                                                              \
	X(allocs)	    /* blocks handed out */                                   \
	X(frees)	    /* blocks taken back */                                   \
	X(inits)	    /* times an init point asked a strategy */                \
	X(pages)	    /* pages an init point had cleared */                     \
	X(clear_calls)	    /* primitive calls by strategies */                       \
	X(cleared_pages)    /* pages those calls covered */                           \
	X(integrated_pages) /* pages cleared by hw_tags' integrated init, no strategy */ \
	X(memsets)	    /* memset() calls by strategies */                        \
	X(memset_bytes)	    /* what they were asked to write */                       \
	X(fences)	    /* fences after non-temporal stores */                    \
	X(kmaps)	    /* kmap_local_page() of HIGHMEM pages */                  \
	X(page_walks)	    /* vmalloc_to_page() walks */                             \
	X(kasan_reports)    /* accesses KASAN reported */                             \
	X(poison_reports)   /* pages with a damaged 0xaa pattern */                   \
	X(bad_pages)	    /* pages leaked on free */                                \
	X(sleeps)	    /* might_sleep() or cond_resched() inside an init point */ \
	X(warnings)	    /* WARN_ON() that fired */                                \
	X(zero_clears)	    /* clear_pages() of 0 pages */

struct clearfw_stats {
#define CLEARFW_STATS_FIELD(name) uint64_t name;
	CLEARFW_STATS(CLEARFW_STATS_FIELD)
#undef CLEARFW_STATS_FIELD
	uint64_t longest_clear; /* pages in the longest single primitive call: a maximum, not a sum */
};

/* Adds FROM to INTO. */
void clearfw_stats_add(struct clearfw_stats *into, const struct clearfw_stats *from);

#endif
