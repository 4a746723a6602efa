/* SPDX-License-Identifier: MIT */
/* What a strategy did wrong in one cell of the search: the kind, a sentence, and where. */
#ifndef CLEARFW_FINDING_H
#define CLEARFW_FINDING_H

#include <stdint.h>

#define CLEARFW_FINDINGS(X)                                                                \
	X(nothing)                                                                         \
	X(peeked) /* read what it was not given; the weakest: any other takes its place */ \
	X(dirty) /* claimed, and a byte is not zero */                                     \
	X(outside) /* wrote to, or mapped, what it was not given */                        \
	X(struct_page) /* wrote to a struct page */                                        \
	X(list) /* changed the list of pages */                                            \
	X(kasan) /* KASAN would have reported */                                           \
	X(tag) /* used an address with a tag still in it */                                \
	X(kmap) /* kmap_local misused */                                                   \
	X(depth) /* returned with another KASAN depth */                                   \
	X(context) /* returned with preemption or interrupts as they were not */           \
	X(sleep) /* called what may sleep */                                               \
	X(warning) /* WARN_ON() fired */                                                   \
	X(passed_on) /* wrote, and passed on all the same */                               \
	X(stack) /* used more of the stack than a kernel has */                            \
	X(incoherent) /* returned with non-temporal stores under way */                    \
	X(zero_pages) /* clear_pages() of no page */                                       \
	X(crash) /* touched what is not mapped */                                          \
	X(hang) /* did not come back */                                                    \
	X(refused) /* the core refused, see code */                                        \
	X(raised) /* a Python strategy raised */

enum finding_kind {
#define CLEARFW_FINDING_ENUM(name) FOUND_##name,
	CLEARFW_FINDINGS(CLEARFW_FINDING_ENUM)
#undef CLEARFW_FINDING_ENUM
		NR_FINDINGS,
};

#define FINDING_FRAMES 6

struct finding {
	enum finding_kind kind;
	int code; /* enum clearfw_errno where the core has a sentence for it, else 0 */
	uint64_t pfn; /* UINT64_MAX: no page in particular */
	uint64_t offset; /* UINT64_MAX: no byte in particular */
	int byte; /* -1: no byte in particular */
	/* Where the strategy stood, innermost first, from the beginning of its object; 0: no more is known. */
	uint64_t pc[FINDING_FRAMES];
	char message[400];
};

#endif
