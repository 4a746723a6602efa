/* SPDX-License-Identifier: MIT */

#include "base/affinity.h"

#include <sched.h>

void pin_to_nth_cpu(int thread)
{
	cpu_set_t allowed, mine;
	int nth;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	nth = thread % CPU_COUNT(&allowed);
	CPU_ZERO(&mine);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && nth-- == 0)
			CPU_SET(cpu, &mine);
	sched_setaffinity(0, sizeof(mine), &mine);
}
