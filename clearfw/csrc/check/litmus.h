/* SPDX-License-Identifier: MIT */
/*
 * Message passing between two threads: one has a page cleared and then sets a flag, the other sees the flag and
 * reads the page. What it reads must be zero; stores that no fence has made visible yet show as garbage.
 */
#ifndef CLEARFW_LITMUS_H
#define CLEARFW_LITMUS_H

#include "mm/machine.h"

struct litmus_result {
	uint64_t rounds;
	uint64_t offset; /* of the first word seen stale; UINT64_MAX: none was */
};

/*
 * Repeats until a stale word is seen, or BUDGET_NS are over. The page is cleared by POINT's stack, or, as a
 * control of what this CPU shows, by PRIMITIVE with no fence. Negative: cpu->error.
 */
int litmus_run(struct machine *machine, enum init_point point, struct page *page,
	       const struct clearfw_primitive *primitive, uint64_t budget_ns, struct litmus_result *result);

#endif
