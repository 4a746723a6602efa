/* SPDX-License-Identifier: MIT */
/* Lists of order-0 pages, allocated and freed as one batch. */
#ifndef CLEARFW_PAGE_BULK_H
#define CLEARFW_PAGE_BULK_H

#include "mm/gfp.h"
#include "mm/types.h"

/* alloc_pages_bulk(): all NR order-0 pages or none, cleared as one batch. */
int machine_alloc_bulk(struct machine *machine, gfp_t gfp, struct page **pages, int nr);
int machine_free_bulk(struct machine *machine, struct page **pages, int nr);

#endif
