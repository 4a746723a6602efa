/* SPDX-License-Identifier: MIT */
/* The witness: a strategy for the end of a stack under test, which sees what was passed on to it. */
#ifndef CLEARFW_WITNESS_H
#define CLEARFW_WITNESS_H

#include <clearfw/abi.h>

struct witness {
	uint64_t asked; /* times something was passed on */
	uint64_t npages; /* that were passed on */
	uint64_t touched; /* of those, with memory that no longer held the garbage whole */
	uint64_t pfn; /* of the first page so touched */
};

/* Claims everything, and clears it by the core's own means. */
extern const struct clearfw_strategy witness_strategy;

/* What it saw since the last call; for one thread at a time. */
void witness_take(struct witness *witness);

#endif
