/* SPDX-License-Identifier: MIT */
/*
 * gfp flags, by the kernel's names (include/linux/gfp_types.h, 7.3). The
 * numbers are the machine's own: in the kernel they move with the
 * configuration, so traces are read by name.
 */
#ifndef CLEARFW_GFP_H
#define CLEARFW_GFP_H

#include <stdint.h>

typedef uint32_t gfp_t;

#define CLEARFW_GFP_BITS(X)         \
	X(__GFP_DMA, 0)             \
	X(__GFP_HIGHMEM, 1)         \
	X(__GFP_DMA32, 2)           \
	X(__GFP_MOVABLE, 3)         \
	X(__GFP_RECLAIMABLE, 4)     \
	X(__GFP_HIGH, 5)            \
	X(__GFP_IO, 6)              \
	X(__GFP_FS, 7)              \
	X(__GFP_ZERO, 8)            \
	X(__GFP_DIRECT_RECLAIM, 10) \
	X(__GFP_KSWAPD_RECLAIM, 11) \
	X(__GFP_WRITE, 12)          \
	X(__GFP_NOWARN, 13)         \
	X(__GFP_RETRY_MAYFAIL, 14)  \
	X(__GFP_NOFAIL, 15)         \
	X(__GFP_NORETRY, 16)        \
	X(__GFP_MEMALLOC, 17)       \
	X(__GFP_COMP, 18)           \
	X(__GFP_NOMEMALLOC, 19)     \
	X(__GFP_HARDWALL, 20)       \
	X(__GFP_THISNODE, 21)       \
	X(__GFP_ACCOUNT, 22)        \
	X(__GFP_ZEROTAGS, 23)       \
	X(__GFP_SKIP_ZERO, 24)      \
	X(__GFP_SKIP_KASAN, 25)     \
	X(__GFP_NOLOCKDEP, 26)      \
	X(__GFP_NO_OBJ_EXT, 27)

enum clearfw_gfp {
#define CLEARFW_GFP_ENUM(name, bit) name = 1u << (bit),
	CLEARFW_GFP_BITS(CLEARFW_GFP_ENUM)
#undef CLEARFW_GFP_ENUM
};

#define GFP_KERNEL (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_HIGHUSER (GFP_KERNEL | __GFP_HARDWALL | __GFP_HIGHMEM)

#endif
