/* SPDX-License-Identifier: MIT */
/* Arithmetic that depends on no machine: include/linux/{minmax,align,math,log2,bits,sizes,range}.h, 7.3. */
#ifndef CLEARFW_KERNEL_H
#define CLEARFW_KERNEL_H

#include <clearfw/compiler.h>
#include <clearfw/kconfig.h>

#define min(a, b)                                  \
	({                                         \
		__auto_type min_a_ = (a);          \
		__auto_type min_b_ = (b);          \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__auto_type max_a_ = (a);          \
		__auto_type max_b_ = (b);          \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})
#define min3(a, b, c) min(min(a, b), c)
#define max3(a, b, c) max(max(a, b), c)
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define clamp(value, low, high) min(max(value, low), high)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)
#define abs(x)                           \
	({                               \
		__auto_type abs_x_ = (x); \
		abs_x_ < 0 ? -abs_x_ : abs_x_; \
	})
#define swap(a, b)                         \
	do {                               \
		__typeof__(a) swap_ = (a); \
		(a) = (b);                 \
		(b) = swap_;               \
	} while (0)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_CLOSEST(n, d) (((n) + (d) / 2) / (d))
#define ALIGN(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define PTR_ALIGN(p, a) ((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define PTR_ALIGN_DOWN(p, a) ((__typeof__(p))ALIGN_DOWN((unsigned long)(p), (a)))
#define round_up(x, a) ((((x) - 1) | ((__typeof__(x))((a) - 1))) + 1)
#define round_down(x, a) ((x) & ~((__typeof__(x))((a) - 1)))
#define roundup(x, n) (DIV_ROUND_UP(x, n) * (n))
#define rounddown(x, n) ((x) - (x) % (n))

#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define PAGE_ALIGN_DOWN(addr) ALIGN_DOWN(addr, PAGE_SIZE)
#define PAGE_ALIGNED(addr) IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define offset_in_page(addr) ((unsigned long)(addr) & ~PAGE_MASK)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_PHYS(pfn) ((phys_addr_t)(pfn) << PAGE_SHIFT)
#define PHYS_PFN(addr) ((unsigned long)((addr) >> PAGE_SHIFT))

#define BITS_PER_BYTE __CHAR_BIT__
#define BITS_PER_LONG_LONG 64
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK(high, low) ((~0UL << (low)) & (~0UL >> (BITS_PER_LONG - 1 - (high))))

/* As in the kernel, fls(0) is 0 and ilog2(0) is undefined. */
static __always_inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static __always_inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static __always_inline int fls_long(unsigned long x)
{
	return fls64(x);
}

static __always_inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#define __fls(x) ((unsigned long)(fls_long(x) - 1))
#define ffs(x) __builtin_ffs((int)(x))
#define __ffs(x) ((unsigned long)__builtin_ctzl(x))
#define ffz(x) __ffs(~(unsigned long)(x))
#define ilog2(n) (63 - __builtin_clzll((u64)(n)))
#define roundup_pow_of_two(n) (1UL << fls_long((unsigned long)(n) - 1))
#define rounddown_pow_of_two(n) (1UL << ilog2((unsigned long)(n)))
#define order_base_2(n) fls_long((unsigned long)(n) - 1)
#define hweight_long(x) ((unsigned long)__builtin_popcountl(x))

/* The order of a block of so many bytes. */
static inline int get_order(unsigned long nbytes)
{
	return nbytes ? fls_long((nbytes - 1) >> PAGE_SHIFT) : (int)(BITS_PER_LONG - PAGE_SHIFT);
}

#define SZ_1 0x00000001
#define SZ_4 0x00000004
#define SZ_8 0x00000008
#define SZ_16 0x00000010
#define SZ_32 0x00000020
#define SZ_64 0x00000040
#define SZ_128 0x00000080
#define SZ_256 0x00000100
#define SZ_512 0x00000200
#define SZ_1K 0x00000400
#define SZ_2K 0x00000800
#define SZ_4K 0x00001000
#define SZ_8K 0x00002000
#define SZ_16K 0x00004000
#define SZ_32K 0x00008000
#define SZ_64K 0x00010000
#define SZ_128K 0x00020000
#define SZ_256K 0x00040000
#define SZ_512K 0x00080000
#define SZ_1M 0x00100000
#define SZ_2M 0x00200000
#define SZ_4M 0x00400000
#define SZ_8M 0x00800000
#define SZ_16M 0x01000000
#define SZ_32M 0x02000000
#define SZ_64M 0x04000000
#define SZ_128M 0x08000000
#define SZ_256M 0x10000000
#define SZ_512M 0x20000000
#define SZ_1G 0x40000000
#define SZ_2G 0x80000000
#define SZ_4G 0x100000000ULL
#define SZ_8G 0x200000000ULL
#define SZ_16G 0x400000000ULL

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/* A range of page numbers, the last one included: folio_zero_user() works on three of them. */
struct range {
	u64 start;
	u64 end;
};

#define DEFINE_RANGE(first, last) ((struct range){ .start = (first), .end = (last) })

static inline u64 range_len(const struct range *range)
{
	return range->end - range->start + 1;
}

/* Bitmaps (include/linux/{bitmap,find}.h): which pages of a block, say. */

#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, nbits) unsigned long name[BITS_TO_LONGS(nbits)]

static inline void __set_bit(unsigned long bit, unsigned long *map)
{
	map[bit / BITS_PER_LONG] |= BIT(bit % BITS_PER_LONG);
}

static inline void __clear_bit(unsigned long bit, unsigned long *map)
{
	map[bit / BITS_PER_LONG] &= ~BIT(bit % BITS_PER_LONG);
}

static inline bool test_bit(unsigned long bit, const unsigned long *map)
{
	return map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG) & 1;
}

static inline void bitmap_zero(unsigned long *map, unsigned long nbits)
{
	for (unsigned long i = 0; i < BITS_TO_LONGS(nbits); i++)
		map[i] = 0;
}

static inline unsigned long find_next_bit(const unsigned long *map, unsigned long nbits, unsigned long bit)
{
	while (bit < nbits && !test_bit(bit, map))
		bit++;
	return bit;
}

static inline unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nbits, unsigned long bit)
{
	while (bit < nbits && test_bit(bit, map))
		bit++;
	return bit;
}

#define find_first_bit(map, nbits) find_next_bit(map, nbits, 0)
#define find_first_zero_bit(map, nbits) find_next_zero_bit(map, nbits, 0)
#define for_each_set_bit_from(bit, map, nbits) \
	for ((bit) = find_next_bit(map, nbits, bit); (bit) < (nbits); (bit) = find_next_bit(map, nbits, (bit) + 1))
#define for_each_set_bit(bit, map, nbits)                               \
	for ((bit) = find_first_bit(map, nbits); (bit) < (nbits); \
	     (bit) = find_next_bit(map, nbits, (bit) + 1))
#define for_each_clear_bit(bit, map, nbits)                                  \
	for ((bit) = find_first_zero_bit(map, nbits); (bit) < (nbits); \
	     (bit) = find_next_zero_bit(map, nbits, (bit) + 1))

#endif
