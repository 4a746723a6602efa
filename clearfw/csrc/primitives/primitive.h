/* SPDX-License-Identifier: MIT */
/*
 * Primitives: the instructions that zero a run of whole pages. Each is listed with
 * a test of the running CPU; nothing here knows of pages, zones or machines.
 */
#ifndef CLEARFW_PRIMITIVE_H
#define CLEARFW_PRIMITIVE_H

#include <clearfw/abi.h>

/* What memory holds before it is cleared: GARBAGE_BYTE of lib/test_meminit.c, 7.3. */
#define GARBAGE_BYTE 0x9e

/* Every primitive this build knows, supported here or not; NULL past the end. */
const struct clearfw_primitive *primitive_at(int index);

/* NULL where the name is unknown. Knows "kernel": what Linux 7.3 would pick on this CPU. */
const struct clearfw_primitive *primitive_by_name(const char *name);

/* Instructions that a strategy can name; NULL if this CPU or this architecture lacks one. */
const struct clearfw_primitive *primitive_of(enum clearfw_instruction instruction);

/* Whether this CPU has a feature of x86, numbered as arch/x86/include/asm/cpufeatures.h does; elsewhere none. */
bool primitive_cpu_has(unsigned int feature);

static inline bool primitive_is_supported(const struct clearfw_primitive *primitive)
{
	return !primitive->supported || primitive->supported();
}

/* Non-temporal stores of a garbage byte, fenced: dirties memory and leaves none of it in the caches. */
void primitive_dirty(void *addr, size_t nbytes, uint8_t garbage);

/* True when all of it is BYTE; else *where is the offset of the first byte that is not. */
bool primitive_is_filled(const void *addr, size_t nbytes, uint8_t byte, size_t *where);

#endif
