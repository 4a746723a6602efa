/* SPDX-License-Identifier: MIT */
/* The monotonic clock, and what it costs to read it. */
#ifndef CLEARFW_CLOCK_H
#define CLEARFW_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Nanoseconds that reading the clock takes. */
uint64_t clock_cost_ns(void);

#endif
