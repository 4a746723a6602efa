/* SPDX-License-Identifier: MIT */
#ifdef __s390x__

#include "primitives/primitive_arch.h"

#define XC_SIZE 256 /* the most that one XC covers */

static void xc_zero(void *addr, size_t nbytes)
{
	for (char *run = addr, *end = run + nbytes; run < end; run += XC_SIZE)
		__asm__ volatile("xc 0(256,%0),0(%0)" : : "a"(run) : "memory", "cc");
}

static const struct clearfw_primitive s390x[] = {
	PRIMITIVE(.name = "xc", .instruction = "XC of 256 bytes", .zero = xc_zero),
};

const struct clearfw_primitive *primitive_arch_at(int index)
{
	return index < PRIMITIVE_COUNT(s390x) ? &s390x[index] : NULL;
}

/* clear_page() is memset() there, and arch/s390/lib/string.c:__memset (7.3) zeroes with XC. */
const char *primitive_arch_kernel(void)
{
	return "xc";
}

#endif
