/* SPDX-License-Identifier: MIT */
#include "base/barrier.h"

#include <sched.h>

bool barrier_wait(struct barrier *gate)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	if (--gate->missing == 0)
		pthread_cond_broadcast(&gate->opened);
	while (gate->missing && !gate->called_off)
		pthread_cond_wait(&gate->opened, &gate->lock);
	open = !gate->called_off;
	pthread_mutex_unlock(&gate->lock);
	return open;
}

void barrier_call_off(struct barrier *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->called_off = true;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}

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
