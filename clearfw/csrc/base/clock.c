/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

uint64_t clock_cost_ns(void)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 100; i++) {
		uint64_t start = clock_ns(), cost = clock_ns() - start;

		best = cost < best ? cost : best;
	}
	return best;
}
