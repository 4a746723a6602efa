/* SPDX-License-Identifier: MIT */
/* A machine from its configuration, its end, and whether all its structures agree. */
#ifndef CLEARFW_BOOT_H
#define CLEARFW_BOOT_H

#include "mm/types.h"

/* NULL and *err filled in on failure. The zones begin wholly free and zeroed (init_on_free's invariant). */
struct machine *machine_create(const struct clearfw_config *config, struct clearfw_error *err);
/* No other thread may be inside the machine. */
void machine_destroy(struct machine *machine);

/* NULL if all structures agree, otherwise a description of the error. No other thread may be inside. */
const char *machine_is_valid(struct machine *machine);

/* NULL past the last pfn. In a hole there is a struct page with an address, and no memory behind it. */
struct page *machine_pfn_to_page(struct machine *machine, unsigned long pfn);

#endif
