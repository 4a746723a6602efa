/* SPDX-License-Identifier: MIT */
/* A lock for critical sections of tens of nanoseconds. */
#ifndef CLEARFW_LOCK_H
#define CLEARFW_LOCK_H

#include <sched.h>
#include <stdatomic.h>

struct clearfw_lock {
	atomic_bool held;
};

static inline void clearfw_lock(struct clearfw_lock *lock)
{
	int spins = 0;

	while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire)) {
		/* The holder may have been descheduled: give it the processor. */
		if (++spins > 100)
			sched_yield();
	}
}

static inline void clearfw_unlock(struct clearfw_lock *lock)
{
	atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
