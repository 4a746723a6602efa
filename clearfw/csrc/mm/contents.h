/* SPDX-License-Identifier: MIT */
/* What pages hold, whoever has them: written and looked at by the core itself, in lowmem, HIGHMEM and a window. */
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

/* False when all bytes are BYTE, else the first that is not. */
bool machine_first_not(struct machine *machine, uint32_t pfn, size_t npages, uint8_t byte, struct byte_found *found);

/* Negative, with cpu->error, when a window lost sight of what its pages hold (mm/window.h); else 0. */
int machine_lost_sight(struct machine *machine);

#endif
