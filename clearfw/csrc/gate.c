/* SPDX-License-Identifier: MIT */
#include "gate.h"

bool gate_wait(struct gate *gate)
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

void gate_call_off(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->called_off = true;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}
