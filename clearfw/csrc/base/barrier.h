/* SPDX-License-Identifier: MIT */
/* Where threads wait for each other: a pthread_barrier_t that can be called off. */
#ifndef CLEARFW_GATE_H
#define CLEARFW_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	int missing; /* threads that are not there yet */
	bool called_off;
};

#define GATE_INIT(threads) { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (threads), false }

/*
 * Moves the calling thread to a processor of its own, as far as they go round: left to itself the scheduler
 * starts new threads on one, for milliseconds.
 */
void gate_settle(int thread);

/* Returns when the last thread is there; false: it was called off. */
bool gate_wait(struct gate *gate);
void gate_call_off(struct gate *gate);

#endif
