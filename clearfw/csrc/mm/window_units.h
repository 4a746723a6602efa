/* SPDX-License-Identifier: MIT */
/*
 * What pages held when a window moved on: of each unit of 4 KiB which of its lines are garbage and which are zero,
 * and an odd one, which has others, byte by byte.
 */
#ifndef CLEARFW_WINDOW_UNITS_H
#define CLEARFW_WINDOW_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_UNIT 4096ul

struct window_units {
	size_t nr;
	uint64_t *garbage_lines; /* of each unit */
	uint64_t *odd; /* of each unit: 0, or ODD with what it says */
	unsigned int nr_kept;
	int spill; /* a memfd: odd units that are kept, each at its own offset */
};

/* NR units that are zero; SPARE bytes of the memfd behind them are the caller's. False: the host has no room. */
bool window_units_open(struct window_units *units, size_t nr, size_t spare);
void window_units_close(struct window_units *units);

/* Whether it keeps lines of BYTE: zero and garbage. */
bool window_units_know(uint8_t byte);

void window_units_keep(struct window_units *units, size_t unit, const char *bytes);
/* False: it was odd, and one too many to be kept. */
bool window_units_give_back(struct window_units *units, size_t unit, char *bytes);
/* NR units from FIRST on are full of BYTE, which it knows. */
void window_units_fill(struct window_units *units, size_t first, size_t nr, uint8_t byte);

/* True when all of the unit is BYTE; else where the first byte is that is not, from the first unit on, and which. */
bool window_unit_is_filled(const struct window_units *units, size_t unit, uint8_t byte, size_t *where, uint8_t *found);

/* Private memory that is zero and takes no room before it is written; NULL: the host has none. */
void *window_map_zeroes(size_t nbytes);

#endif
