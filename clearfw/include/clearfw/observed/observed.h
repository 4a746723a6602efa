/* SPDX-License-Identifier: MIT */
/*
 * What an instrumented strategy tells the core while it runs. The compiler calls a function for every load, store,
 * basic block and comparison; runtime.c, which is linked into the strategy's object, passes the calls on.
 */
#ifndef CLEARFW_OBSERVED_H
#define CLEARFW_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PC is the return address: the instruction after the call that the compiler put in. */
struct clearfw_observer {
	void (*access)(const void *addr, size_t nbytes, bool store, bool atomic, const void *pc);
	void (*enter)(const void *frame);
	void (*block)(const void *pc);
	void (*compare)(uint64_t left, uint64_t right, bool left_is_constant, const void *pc);
};

/* Exported by the object as `clearfw_observed`. */
struct clearfw_observed {
	const struct clearfw_observer **observer; /* where the loader puts the core's; NULL there: nobody looks */
};

#endif
