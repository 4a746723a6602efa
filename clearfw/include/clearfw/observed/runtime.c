/* SPDX-License-Identifier: MIT */
/*
 * The functions that -fsanitize=thread and -fsanitize-coverage=trace-pc,trace-cmp call, answered without libtsan:
 * each tells the core's observer. Compiled once, without the sanitizers, and linked into every instrumented
 * strategy.
 */
#include <clearfw/observed/observed.h>

static const struct clearfw_observer *observer;

__attribute__((visibility("default"), used)) const struct clearfw_observed clearfw_observed = {
	.observer = &observer,
};

#define HERE __builtin_return_address(0)
#define HIDDEN __attribute__((visibility("hidden")))

static inline void tell(const void *addr, size_t nbytes, bool store, bool atomic, const void *pc)
{
	if (observer)
		observer->access(addr, nbytes, store, atomic, pc);
}

/* Loads and stores */

#define ACCESS(name, nbytes, store)           \
	HIDDEN void __tsan_##name(void *addr) \
	{                                     \
		tell(addr, nbytes, store, false, HERE); \
	}
#define ACCESSES(nbytes)                                     \
	ACCESS(read##nbytes, nbytes, false)                  \
	ACCESS(write##nbytes, nbytes, true)                  \
	ACCESS(unaligned_read##nbytes, nbytes, false)        \
	ACCESS(unaligned_write##nbytes, nbytes, true)        \
	ACCESS(volatile_read##nbytes, nbytes, false)         \
	ACCESS(volatile_write##nbytes, nbytes, true)         \
	ACCESS(unaligned_volatile_read##nbytes, nbytes, false) \
	ACCESS(unaligned_volatile_write##nbytes, nbytes, true) \
	ACCESS(read_write##nbytes, nbytes, true)             \
	ACCESS(unaligned_read_write##nbytes, nbytes, true)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

HIDDEN void __tsan_read_range(void *addr, unsigned long nbytes)
{
	tell(addr, nbytes, false, false, HERE);
}

HIDDEN void __tsan_write_range(void *addr, unsigned long nbytes)
{
	tell(addr, nbytes, true, false, HERE);
}

HIDDEN void __tsan_vptr_update(void **addr, void *value)
{
	(void)value;
	tell(addr, sizeof(*addr), true, false, HERE);
}

HIDDEN void __tsan_vptr_read(void **addr)
{
	tell(addr, sizeof(*addr), false, false, HERE);
}

HIDDEN void __tsan_init(void)
{
}

HIDDEN void __tsan_func_entry(void *pc)
{
	(void)pc;
	if (observer)
		observer->enter(__builtin_frame_address(0));
}

HIDDEN void __tsan_func_exit(void)
{
}

/* Atomics: done here, for the compiler puts the call in the place of the instruction. */

#define ATOMIC_FETCH(bits, type, op)                                                          \
	HIDDEN type __tsan_atomic##bits##_fetch_##op(volatile type *at, type value, int order) \
	{                                                                                     \
		(void)order;                                                                  \
		tell((const void *)at, sizeof(type), true, true, HERE);                       \
		return __atomic_fetch_##op(at, value, __ATOMIC_SEQ_CST);                      \
	}

#define ATOMICS(bits, type)                                                                     \
	HIDDEN type __tsan_atomic##bits##_load(const volatile type *at, int order)              \
	{                                                                                       \
		(void)order;                                                                    \
		tell((const void *)at, sizeof(type), false, true, HERE);                        \
		return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                   \
	}                                                                                       \
	HIDDEN void __tsan_atomic##bits##_store(volatile type *at, type value, int order)       \
	{                                                                                       \
		(void)order;                                                                    \
		tell((const void *)at, sizeof(type), true, true, HERE);                         \
		__atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                  \
	}                                                                                       \
	HIDDEN type __tsan_atomic##bits##_exchange(volatile type *at, type value, int order)    \
	{                                                                                       \
		(void)order;                                                                    \
		tell((const void *)at, sizeof(type), true, true, HERE);                         \
		return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                        \
	}                                                                                       \
	HIDDEN int __tsan_atomic##bits##_compare_exchange_strong(volatile type *at, type *old,  \
								 type value, int done, int failed) \
	{                                                                                       \
		(void)done;                                                                     \
		(void)failed;                                                                   \
		tell((const void *)at, sizeof(type), true, true, HERE);                         \
		return __atomic_compare_exchange_n(at, old, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}                                                                                       \
	HIDDEN int __tsan_atomic##bits##_compare_exchange_weak(volatile type *at, type *old,    \
							       type value, int done, int failed) \
	{                                                                                       \
		return __tsan_atomic##bits##_compare_exchange_strong(at, old, value, done, failed); \
	}                                                                                       \
	HIDDEN type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type old,     \
							       type value, int done, int failed) \
	{                                                                                       \
		__tsan_atomic##bits##_compare_exchange_strong(at, &old, value, done, failed);   \
		return old;                                                                     \
	}                                                                                       \
	ATOMIC_FETCH(bits, type, add)                                                           \
	ATOMIC_FETCH(bits, type, sub)                                                           \
	ATOMIC_FETCH(bits, type, and)                                                           \
	ATOMIC_FETCH(bits, type, or)                                                            \
	ATOMIC_FETCH(bits, type, xor)                                                           \
	ATOMIC_FETCH(bits, type, nand)

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

HIDDEN void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

HIDDEN void __tsan_atomic_signal_fence(int order)
{
	(void)order;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Basic blocks and comparisons */

HIDDEN void __sanitizer_cov_trace_pc(void)
{
	if (observer)
		observer->block(HERE);
}

#define COMPARE(bytes, type)                                                              \
	HIDDEN void __sanitizer_cov_trace_cmp##bytes(type left, type right)               \
	{                                                                                 \
		if (observer)                                                             \
			observer->compare(left, right, false, HERE);                      \
	}                                                                                 \
	HIDDEN void __sanitizer_cov_trace_const_cmp##bytes(type left, type right)         \
	{                                                                                 \
		if (observer)                                                             \
			observer->compare(left, right, true, HERE);                       \
	}

COMPARE(1, uint8_t)
COMPARE(2, uint16_t)
COMPARE(4, uint32_t)
COMPARE(8, uint64_t)

/* CASES: how many, how many bits, then each. */
HIDDEN void __sanitizer_cov_trace_switch(uint64_t value, const uint64_t *cases)
{
	for (uint64_t i = 0; observer && i < cases[0]; i++)
		observer->compare(cases[2 + i], value, true, (const char *)HERE + i);
}

HIDDEN void __sanitizer_cov_trace_cmpf(float left, float right)
{
	(void)left;
	(void)right;
}

HIDDEN void __sanitizer_cov_trace_cmpd(double left, double right)
{
	(void)left;
	(void)right;
}

/* What a compiler calls for a structure that is copied or set; volatile, or it would call itself. */

HIDDEN void *memset(void *addr, int c, size_t nbytes)
{
	volatile unsigned char *at = addr;

	tell(addr, nbytes, true, false, HERE);
	while (nbytes--)
		*at++ = (unsigned char)c;
	return addr;
}

HIDDEN void *memmove(void *to, const void *from, size_t nbytes)
{
	volatile unsigned char *at = to;
	const volatile unsigned char *source = from;

	tell(from, nbytes, false, false, HERE);
	tell(to, nbytes, true, false, HERE);
	if ((uintptr_t)to <= (uintptr_t)from)
		for (size_t i = 0; i < nbytes; i++)
			at[i] = source[i];
	else
		while (nbytes--)
			at[nbytes] = source[nbytes];
	return to;
}

HIDDEN void *memcpy(void *to, const void *from, size_t nbytes)
{
	return memmove(to, from, nbytes);
}

HIDDEN int memcmp(const void *left, const void *right, size_t nbytes)
{
	const volatile unsigned char *a = left, *b = right;

	tell(left, nbytes, false, false, HERE);
	tell(right, nbytes, false, false, HERE);
	for (; nbytes; nbytes--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}
