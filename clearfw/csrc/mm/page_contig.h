/* SPDX-License-Identifier: MIT */
/* Gigantic blocks. */
#ifndef CLEARFW_PAGE_CONTIG_H
#define CLEARFW_PAGE_CONTIG_H

#include "mm/gfp.h"
#include "mm/types.h"

/* alloc_contig_pages() with __GFP_COMP, for orders above MAX_PAGE_ORDER: one init of the whole block. */
int machine_alloc_contig(struct machine *machine, unsigned int order, gfp_t gfp, struct page **page);

#endif
