/* SPDX-License-Identifier: MIT */
#include "mm/window_units.h"

#include "base/fault_inject.h"
#include "primitives/primitive.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE 64ul
#define ALL_LINES UINT64_MAX
/* Odd units that are kept whole, 16 MiB of them. */
#define MAX_KEPT 4096

/* A unit with a line that is neither garbage nor zero: where the first byte is that is not zero, not garbage. */
#define ODD (1ull << 63)
#define ODD_KEPT (1ull << 62)
#define ODD_NOT_ZERO 0
#define ODD_NOT_GARBAGE 20

static const char zeroes[WINDOW_UNIT];

void *window_map_zeroes(size_t nbytes)
{
	void *map = core_mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

bool window_units_open(struct window_units *units, size_t nr, size_t spare)
{
	*units = (struct window_units){ .nr = nr, .spill = -1 };
	units->garbage_lines = window_map_zeroes(nr * sizeof(*units->garbage_lines));
	units->odd = window_map_zeroes(nr * sizeof(*units->odd));
	if (!units->garbage_lines || !units->odd)
		return false;
	units->spill = core_memfd_create("clearfw-window", MFD_CLOEXEC);
	return units->spill >= 0 && !core_ftruncate(units->spill, (off_t)(nr * WINDOW_UNIT + spare));
}

void window_units_close(struct window_units *units)
{
	if (units->garbage_lines)
		munmap(units->garbage_lines, units->nr * sizeof(*units->garbage_lines));
	if (units->odd)
		munmap(units->odd, units->nr * sizeof(*units->odd));
	if (units->spill >= 0)
		close(units->spill);
}

bool window_units_know(uint8_t byte)
{
	return !byte || byte == GARBAGE_BYTE;
}

static uint64_t first_not(const char *bytes, uint8_t byte)
{
	size_t where = 0;

	primitive_is_filled(bytes, WINDOW_UNIT, byte, &where);
	return where << 8 | (uint8_t)bytes[where];
}

static void keep_odd(struct window_units *units, size_t unit, const char *bytes)
{
	uint64_t odd = ODD | first_not(bytes, 0) << ODD_NOT_ZERO | first_not(bytes, GARBAGE_BYTE) << ODD_NOT_GARBAGE;

	if (units->nr_kept < MAX_KEPT &&
	    pwrite(units->spill, bytes, WINDOW_UNIT, (off_t)(unit * WINDOW_UNIT)) == (ssize_t)WINDOW_UNIT) {
		units->nr_kept++;
		odd |= ODD_KEPT;
	}
	units->odd[unit] = odd;
}

static void keep_lines(struct window_units *units, size_t unit, const char *bytes)
{
	uint64_t garbage = 0;
	size_t where;

	for (size_t line = 0; line < WINDOW_UNIT / LINE; line++) {
		const char *at = bytes + line * LINE;

		if (primitive_is_filled(at, LINE, GARBAGE_BYTE, &where)) {
			garbage |= 1ull << line;
		} else if (!primitive_is_filled(at, LINE, 0, &where)) {
			keep_odd(units, unit, bytes);
			return;
		}
	}
	units->garbage_lines[unit] = garbage;
}

void window_units_keep(struct window_units *units, size_t unit, const char *bytes)
{
	if (__builtin_expect(units->odd[unit], 0)) {
		units->nr_kept -= !!(units->odd[unit] & ODD_KEPT);
		units->odd[unit] = 0;
	}
	if (__builtin_expect(!memcmp(bytes, zeroes, WINDOW_UNIT), 1))
		units->garbage_lines[unit] = 0;
	else
		keep_lines(units, unit, bytes);
}

/* False: it was odd, and one too many to be kept. */
static bool give_back_odd(struct window_units *units, size_t unit, char *bytes)
{
	return units->odd[unit] & ODD_KEPT &&
	       pread(units->spill, bytes, WINDOW_UNIT, (off_t)(unit * WINDOW_UNIT)) == (ssize_t)WINDOW_UNIT;
}

bool window_units_give_back(struct window_units *units, size_t unit, char *bytes)
{
	uint64_t garbage = units->garbage_lines[unit];

	if (__builtin_expect(units->odd[unit], 0))
		return give_back_odd(units, unit, bytes);
	if (!garbage || garbage == ALL_LINES) {
		memset(bytes, garbage ? GARBAGE_BYTE : 0, WINDOW_UNIT);
		return true;
	}
	for (size_t line = 0; line < WINDOW_UNIT / LINE; line++)
		memset(bytes + line * LINE, garbage >> line & 1 ? GARBAGE_BYTE : 0, LINE);
	return true;
}

bool window_unit_is_filled(const struct window_units *units, size_t unit, uint8_t byte, size_t *where, uint8_t *found)
{
	uint64_t odd = units->odd[unit], wrong = units->garbage_lines[unit] ^ (byte ? ALL_LINES : 0);
	unsigned int line;

	if (__builtin_expect(odd, 0)) {
		odd >>= byte ? ODD_NOT_GARBAGE : ODD_NOT_ZERO;
		*where = unit * WINDOW_UNIT + (odd >> 8 & (WINDOW_UNIT - 1));
		*found = (uint8_t)odd;
		return false;
	}
	if (!wrong)
		return true;
	line = (unsigned int)__builtin_ctzll(wrong);
	*where = unit * WINDOW_UNIT + line * LINE;
	*found = byte ? 0 : GARBAGE_BYTE;
	return false;
}

void window_units_fill(struct window_units *units, size_t first, size_t nr, uint8_t byte)
{
	memset(units->garbage_lines + first, byte ? 0xff : 0, nr * sizeof(*units->garbage_lines));
	for (size_t unit = first; unit < first + nr; unit++)
		if (units->odd[unit]) {
			units->nr_kept -= !!(units->odd[unit] & ODD_KEPT);
			units->odd[unit] = 0;
		}
}
