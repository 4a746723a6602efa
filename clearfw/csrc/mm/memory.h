/* SPDX-License-Identifier: MIT */
/* RAM: one memfd, the direct map over its low part, and what backs it. */
#ifndef CLEARFW_MEMORY_H
#define CLEARFW_MEMORY_H

#include "base/error.h"
#include "mm/config.h"

#include <stddef.h>

struct window;

struct memory {
	int fd;		      /* -1: there is a window */
	size_t nbytes;	      /* of physical addresses, the hole included */
	size_t start;	      /* of them in the hole, below the first page */
	size_t lowmem;	      /* of them below the HIGHMEM zone */
	char *direct;	      /* the direct map of physical address 0, 64 MiB aligned; mapped from START to LOWMEM */
	char *highmem;	      /* the core's own view of HIGHMEM; strategies never learn it, bar priced kmaps */
	char *reservation;    /* what direct and highmem were cut from */
	size_t reserved;
	enum clearfw_backing backing; /* the backing in use */
	struct window *window;	      /* NULL: all of it is real */
};

/*
 * From now on machines of this process take their RAM from FD, a memfd, dirty as the last one left it: for a check,
 * which boots one after another and fills what it looks at. -1: each has its own again.
 */
void memory_share(int fd);

int memory_init(struct memory *memory, const struct clearfw_config *config, struct clearfw_error *err);
void memory_deinit(struct memory *memory);

/*
 * Faults everything in, and collapses it where the backing is THP. Where that cannot be
 * done, BACKING_AUTO settles for base pages, and a backing ASKED for by name is an error.
 */
int memory_populate(struct memory *memory, enum clearfw_backing asked, struct clearfw_error *err);

/* Bytes mapped by huge pages, read back from /proc/self/smaps; -1 where it cannot be read. */
int64_t memory_huge_bytes(const struct memory *memory);

/* The core's address of byte OFFSET of RAM. */
static inline void *memory_at(const struct memory *memory, size_t offset)
{
	return offset < memory->lowmem ? memory->direct + offset
				       : memory->highmem + (offset - memory->lowmem);
}

#endif
