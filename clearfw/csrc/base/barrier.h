/* SPDX-License-Identifier: MIT */
/* Where threads wait for each other: a pthread_barrier_t that can be called off. */
#ifndef CLEARFW_BARRIER_H
#define CLEARFW_BARRIER_H

#include <pthread.h>
#include <stdbool.h>

struct barrier {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	int missing; /* threads that are not there yet */
	bool called_off;
};

#define BARRIER_INIT(threads) { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (threads), false }

/* Returns when the last thread is there; false: it was called off. */
bool barrier_wait(struct barrier *barrier);
void barrier_call_off(struct barrier *barrier);

#endif
