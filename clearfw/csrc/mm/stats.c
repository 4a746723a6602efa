/* SPDX-License-Identifier: MIT */
#include "mm/stats.h"

void clearfw_stats_add(struct clearfw_stats *into, const struct clearfw_stats *from)
{
#define CLEARFW_STATS_SUM(name) into->name += from->name;
	CLEARFW_STATS(CLEARFW_STATS_SUM)
#undef CLEARFW_STATS_SUM
	if (into->longest_clear < from->longest_clear)
		into->longest_clear = from->longest_clear;
}
