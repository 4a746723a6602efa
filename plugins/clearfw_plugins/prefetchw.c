/* SPDX-License-Identifier: MIT */
/*
 * Ordinary 64-byte stores behind a prefetch for writing: the ownership of a line is requested
 * 2 KiB before its store, and the line stays in the cache. For pages that are
 * consumed at once, where non-temporal stores lose what they gained to the misses
 * that follow. No kernel does this: AVX-512 there costs a kernel_fpu_begin().
 */
#include <clearfw/strategy.h>

#define AHEAD 2048

typedef u64 line __attribute__((vector_size(64)));

#ifdef CONFIG_X86_64
#define WIDE_STORES __attribute__((target("avx512f,prfchw")))
#else
#define WIDE_STORES
#endif

/* Volatile, or the compiler would make the loop a call of libc's memset(). */
WIDE_STORES static void zero(void *addr, size_t nbytes)
{
	char *end = (char *)addr + nbytes;
	char *p = addr;

	for (; p + AHEAD < end; p += sizeof(line)) {
		prefetchw(p + AHEAD);
		*(volatile line *)p = (line){0};
	}
	for (; p < end; p += sizeof(line))
		*(volatile line *)p = (line){0};
}

static bool supported(void)
{
#ifdef CONFIG_X86_64
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f");
#else
	return false;
#endif
}

CLEARFW_PRIMITIVE(prefetchw, .instruction = "prefetchw 2 KiB ahead of AVX-512 stores, left in the cache",
		  .zero = zero, .supported = supported);
