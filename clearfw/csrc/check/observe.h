/* SPDX-License-Identifier: MIT */
/* Looking on while a strategy runs: at its calls of the core, and, where it is instrumented, at all it does. */
#ifndef CLEARFW_OBSERVE_H
#define CLEARFW_OBSERVE_H

#include <clearfw/abi.h>
#include <clearfw/observed/observed.h>

/* The core's functions, each looking at its arguments first. For the subject of examiner_here. */
const struct clearfw_core *observe_core_table(void);

/* For strategies in Python, whose vocabulary asks first: false, and the finding is the examiner's. */
bool observe_may_clear(const void *addr, unsigned int npages);
bool observe_may_map(const struct page *page);

extern const struct clearfw_observer observe_observer;

#endif
