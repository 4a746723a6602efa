/* SPDX-License-Identifier: MIT */
#include "base/barrier.h"

bool barrier_wait(struct barrier *barrier)
{
	bool open;

	pthread_mutex_lock(&barrier->lock);
	if (--barrier->missing == 0)
		pthread_cond_broadcast(&barrier->opened);
	while (barrier->missing && !barrier->called_off)
		pthread_cond_wait(&barrier->opened, &barrier->lock);
	open = !barrier->called_off;
	pthread_mutex_unlock(&barrier->lock);
	return open;
}

void barrier_call_off(struct barrier *barrier)
{
	pthread_mutex_lock(&barrier->lock);
	barrier->called_off = true;
	pthread_cond_broadcast(&barrier->opened);
	pthread_mutex_unlock(&barrier->lock);
}
