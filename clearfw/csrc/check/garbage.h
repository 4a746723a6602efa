/* SPDX-License-Identifier: MIT */
/* Garbage: a strategy for the top of a stack under test, which dirties what the others are about to be asked for. */
#ifndef CLEARFW_GARBAGE_H
#define CLEARFW_GARBAGE_H

#include <clearfw/abi.h>

/* Fills with garbage, through the core's own view, and passes on. */
extern const struct clearfw_strategy garbage_strategy;

/* What this thread was last asked for: no page for a vmalloc area, or before the first time. */
struct garbage_asked {
	const struct page *page;
	unsigned long n; /* pages, or bytes of the area */
};

extern __thread struct garbage_asked garbage_asked;

#endif
