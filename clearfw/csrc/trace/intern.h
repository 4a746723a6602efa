/* SPDX-License-Identifier: MIT */
/* Numbers for the few distinct values of a field that every event has: gfp flags above all. */
#ifndef CLEARFW_INTERN_H
#define CLEARFW_INTERN_H

#include <stddef.h>
#include <stdint.h>

/* A kernel has tens of distinct gfp_flags; a file that has more than this is none of a kernel's. */
#define INTERN_VALUES 4096
#define INTERN_SLOTS (2 * INTERN_VALUES)
#define INTERN_BYTES 1024

struct interned {
	char *bytes;
	uint32_t nbytes;
	uint32_t hash;
};

/* Zeroed, it is empty. */
struct intern {
	uint32_t nr;
	uint16_t slot[INTERN_SLOTS]; /* 1 + index, or 0 */
	struct interned value[INTERN_VALUES];
};

/* The index of the value, new or not; -1: too long, one too many, or no memory. */
int intern(struct intern *intern, const void *bytes, size_t nbytes);
void intern_deinit(struct intern *intern);

#endif
