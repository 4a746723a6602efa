/* SPDX-License-Identifier: MIT */
/* The core's own access to the contents of pages, in lowmem, HIGHMEM and a window. */
#ifndef CLEARFW_CONTENTS_H
#define CLEARFW_CONTENTS_H

#include "mm/types.h"

struct byte_found {
	uint32_t pfn;
	uint32_t offset;
	uint8_t byte;
};

/* Every byte of NPAGES pages from PFN on is BYTE from now on. */
void machine_fill(struct machine *machine, uint32_t pfn, size_t npages, uint8_t byte);

/* False if all bytes are BYTE; otherwise sets the first that differs. */
bool machine_first_not(struct machine *machine, uint32_t pfn, size_t npages, uint8_t byte, struct byte_found *found);

/* Negative, with cpu->error, when a window lost sight of what its pages hold (mm/window.h); else 0. */
int machine_lost_sight(struct machine *machine);

#endif
