/* SPDX-License-Identifier: MIT */
/*
 * Memory that is address space for the most part. A few real chunks of 2 MiB move to where their thread faults,
 * and what a page held is kept when its chunk moves on: so every byte of ranges beyond 4 GiB can be looked at.
 * Of a 4 KiB page it keeps which of its lines are garbage and which are zero, and what else there is byte by byte.
 */
#ifndef CLEARFW_WINDOW_H
#define CLEARFW_WINDOW_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define WINDOW_CHUNK (2ul << 20)

struct window;

/*
 * NBYTES from START on, which the caller has reserved and which hold zeroes then; both whole chunks. Only the
 * calling thread may touch them: its faults there are served, all others go on to the handler there was before.
 */
struct window *window_open(char *start, size_t nbytes, struct clearfw_error *err);
/* The address space is the caller's to unmap, with the chunks that are there. */
void window_close(struct window *window);

/*
 * A second address of NBYTES from OFFSET on, as a vmalloc area is; all three whole chunks, and ADDR within the
 * NBYTES that window_alias() was told of. No memory: false.
 */
bool window_alias(struct window *window, char *start, size_t nbytes);
void window_map(struct window *window, const char *addr, size_t offset, size_t nbytes);
void window_unmap(struct window *window, const char *addr, size_t nbytes);

/* Offsets are from START, in whole pages of 4 KiB; BYTE is one that units keep (mm/window_units.h). */
void window_fill(struct window *window, size_t offset, size_t nbytes, uint8_t byte);

/* True when all of it is BYTE; else *where is the offset of the first byte that is not, and *found that byte. */
bool window_is_filled(struct window *window, size_t offset, size_t nbytes, uint8_t byte, size_t *where, uint8_t *found);

/*
 * Whether it lost sight: the thread came back to chunks it had left far more often than it has chunks, and was
 * let run on. Until all of it is filled again, what it holds is not known.
 */
bool window_is_lost(const struct window *window);

/* For a SIGSEGV handler that was put over the window's: whether the fault was this thread's in a window, and is served. */
bool window_serve(const siginfo_t *info);

/* Times a chunk was moved, for tests. */
unsigned long window_moves(const struct window *window);

#endif
