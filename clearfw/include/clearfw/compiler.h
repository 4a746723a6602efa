/* SPDX-License-Identifier: MIT */
/* Types, attributes, and what keeps a compiler or a CPU from reordering (include/linux/compiler*.h, 7.3). */
#ifndef CLEARFW_COMPILER_H
#define CLEARFW_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef uint32_t gfp_t;
typedef uint64_t phys_addr_t;

/* <limits.h> would be the C library's, and another architecture's compiler may come without one. */
#ifndef INT_MAX
#define CHAR_BIT __CHAR_BIT__
#define INT_MAX __INT_MAX__
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (2u * INT_MAX + 1u)
#define LONG_MAX __LONG_MAX__
#define LONG_MIN (-LONG_MAX - 1L)
#define ULONG_MAX (2ul * LONG_MAX + 1ul)
#endif
#define U8_MAX UINT8_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef noinline
#define noinline __attribute__((noinline))
#endif
#define noinstr noinline
#define notrace
#define asmlinkage
#define __maybe_unused __attribute__((unused))
#define __used __attribute__((used))
#define __must_check __attribute__((warn_unused_result))
#define __cold __attribute__((cold))
#define __aligned(n) __attribute__((aligned(n)))
#define __printf(at, first) __attribute__((format(printf, at, first)))
#define __init
#define __meminit
#define __ref
#define __read_mostly
#define __ro_after_init
#define __force
#define __user
#define __iomem
#define fallthrough __attribute__((fallthrough))
#ifndef typeof
#define typeof __typeof__
#endif

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) ((void)(*(volatile __typeof__(x) *)&(x) = (value)))

#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)

/*
 * arch/<name>/include/asm/barrier.h. On x86 an smp_ barrier orders plain stores, which are ordered anyway, and
 * not non-temporal ones: for those it takes wmb() or clear_page_make_coherent().
 */
#define barrier() __asm__ volatile("" ::: "memory")
#if defined(__x86_64__)
#define mb() __asm__ volatile("mfence" ::: "memory")
#define rmb() __asm__ volatile("lfence" ::: "memory")
#define wmb() __asm__ volatile("sfence" ::: "memory")
#define smp_mb() __asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define cpu_relax() __asm__ volatile("pause" ::: "memory")
#elif defined(__aarch64__)
#define mb() __asm__ volatile("dsb sy" ::: "memory")
#define rmb() __asm__ volatile("dsb ld" ::: "memory")
#define wmb() __asm__ volatile("dsb st" ::: "memory")
#define smp_mb() __asm__ volatile("dmb ish" ::: "memory")
#define smp_rmb() __asm__ volatile("dmb ishld" ::: "memory")
#define smp_wmb() __asm__ volatile("dmb ishst" ::: "memory")
#define cpu_relax() __asm__ volatile("yield" ::: "memory")
#else
#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() mb()
#define wmb() mb()
#define smp_mb() mb()
#define smp_rmb() mb()
#define smp_wmb() mb()
#define cpu_relax() barrier()
#endif

#define prefetch(addr) __builtin_prefetch(addr)
#define prefetchw(addr) __builtin_prefetch((addr), 1)

#endif
