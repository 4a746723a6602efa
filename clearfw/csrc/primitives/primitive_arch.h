/* SPDX-License-Identifier: MIT */
/* What each architecture adds to primitive.c; included by the primitive*.c files alone. */
#ifndef CLEARFW_PRIMITIVE_ARCH_H
#define CLEARFW_PRIMITIVE_ARCH_H

#include <clearfw/abi.h>

#include <string.h>

#define PRIMITIVE(...) { .abi = CLEARFW_ABI, .size = sizeof(struct clearfw_primitive), __VA_ARGS__ }
#define PRIMITIVE_COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

#if defined(__x86_64__) || defined(__aarch64__) || defined(__s390x__)

/* The architecture's own primitives, INDEX from 0; NULL past the end. */
const struct clearfw_primitive *primitive_arch_at(int index);

/* Name of the primitive that the Linux 7.3 port for this architecture picks on this CPU. */
const char *primitive_arch_kernel(void);

#else

static inline const struct clearfw_primitive *primitive_arch_at(int index)
{
	(void)index;
	return NULL;
}

static inline const char *primitive_arch_kernel(void)
{
	return "generic";
}

#endif

#if defined(__x86_64__)

bool primitive_arch_cpu_has(unsigned int feature);

static inline void store_nontemporal(void *addr, uint64_t word)
{
	__builtin_ia32_movnti64(addr, (long long)word);
}

static inline void store_fence(void)
{
	__builtin_ia32_sfence();
}

#else

static inline bool primitive_arch_cpu_has(unsigned int feature)
{
	(void)feature;
	return false;
}

static inline void store_nontemporal(void *addr, uint64_t word)
{
	memcpy(addr, &word, sizeof(word));
}

static inline void store_fence(void)
{
}

#endif

#endif
