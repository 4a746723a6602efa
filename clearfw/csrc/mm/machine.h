/* SPDX-License-Identifier: MIT */
/* A machine: its pages, its counters, and the list of all machines of the process. */
#ifndef CLEARFW_MACHINE_H
#define CLEARFW_MACHINE_H

#include "mm/types.h"

/* Counters of all threads, past and present. */
void machine_stats(struct machine *machine, struct clearfw_stats *stats);
void machine_reset_stats(struct machine *machine);

/* Every size class uses PRIMITIVE. */
void machine_set_primitive(struct machine *machine, const struct clearfw_primitive *primitive);

uint64_t machine_nr_free(struct machine *machine);

static inline size_t machine_page_size(const struct machine *machine)
{
	return (size_t)1 << machine->page_shift;
}

/* The core's own address of a page's bytes, HIGHMEM included. */
static inline void *machine_page_bytes(const struct machine *machine, const struct page *page)
{
	return memory_at(&machine->memory, (size_t)page->pfn << machine->page_shift);
}

static inline void machine_event(struct machine *machine, enum clearfw_event event)
{
	unsigned int n;

	if (__builtin_expect(!machine->config.record_events, 1))
		return;
	n = atomic_fetch_add_explicit(&machine->nr_events, 1, memory_order_relaxed);
	if (n < EVENT_LOG_SIZE)
		machine->events[n] = (uint8_t)event;
}

/* How often this process and its ancestors were forked: a machine belongs to the process that booted it. */
extern unsigned int machines_forks;

/* The list of all machines, which a thread that ends must walk. */
void machines_lock(void);
void machines_unlock(void);
struct machine *machines_first(void);
void machines_add(struct machine *machine);
void machines_remove(struct machine *machine);

#endif
