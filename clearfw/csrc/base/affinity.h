/* SPDX-License-Identifier: MIT */
/* Which processor a thread runs on. */
#ifndef CLEARFW_AFFINITY_H
#define CLEARFW_AFFINITY_H

/*
 * Moves the calling thread to a processor of its own, as far as they go round: left to itself the scheduler
 * starts new threads on one, for milliseconds.
 */
void pin_to_nth_cpu(int thread);

#endif
