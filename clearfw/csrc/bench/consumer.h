/* SPDX-License-Identifier: MIT */
/* Who uses a block right after it was cleared: what a non-temporal clear saves, it may have to pay here. */
#ifndef CLEARFW_CONSUMER_H
#define CLEARFW_CONSUMER_H

#include "mm/machine.h"

#define CACHE_LINE 64

/* Nobody; the first line of each page; every line. */
enum consumer_touch { TOUCH_NONE, TOUCH_FIRST, TOUCH_ALL };

static inline void consumer_touch(struct machine *machine, const struct page *page, unsigned int order,
				  enum consumer_touch touch)
{
	char *bytes = machine_page_bytes(machine, page);
	size_t nbytes = machine_page_size(machine) << order;
	size_t step = touch == TOUCH_ALL ? CACHE_LINE : machine_page_size(machine);

	if (touch == TOUCH_NONE)
		return;
	for (size_t at = 0; at < nbytes; at += step)
		*(volatile char *)(bytes + at) += 1;
}

#endif
