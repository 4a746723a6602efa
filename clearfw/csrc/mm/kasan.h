/* SPDX-License-Identifier: MIT */
/*
 * A model of KASAN for pages (mm/kasan/{common,shadow,hw_tags}.c, 7.3).
 * generic: a shadow byte for 8 bytes. sw_tags and hw_tags: a tag for 16.
 * It sees what passes through memset() and the tag on a pointer; plain loads
 * and stores of a strategy are not instrumented.
 */
#ifndef CLEARFW_KASAN_H
#define CLEARFW_KASAN_H

#include <clearfw/abi.h>

#include "base/error.h"
#include "mm/config.h"
#include "mm/memory.h"

#include <stdatomic.h>

#define KASAN_PAGE_FREE 0xff
#define KASAN_VMALLOC_INVALID 0xf8
#define KASAN_TAG_KERNEL 0xff
#define KASAN_TAG_INVALID 0xfe
#define KASAN_TAG_MAX 0xfd

struct kasan_report {
	const void *addr;
	size_t nbytes;
	uint32_t pfn; /* NO_PFN for memory that is no page */
	uint8_t pointer_tag;
	uint8_t memory_tag; /* the first bad shadow byte or tag */
};

struct kasan {
	enum clearfw_kasan mode;
	uint32_t page_shift;
	uint32_t granule_shift; /* 3 or 4 */
	uint8_t *shadow; /* of lowmem; by physical offset */
	size_t shadow_bytes;
	const char *direct; /* lowmem's direct map: [direct, direct + lowmem) */
	size_t lowmem;
	uint8_t *vmalloc_shadow; /* generic and sw_tags; NULL until the vmalloc area exists */
	size_t vmalloc_shadow_bytes;
	const char *vmalloc_start;
	size_t vmalloc_bytes;
	_Atomic uint64_t random; /* state of the tag generator: see kasan_random_tag() */
	uint32_t sample, sample_order;
	_Atomic uint32_t sample_countdown; /* allocations to drop before the next is tagged */
};

int kasan_init(struct kasan *kasan, const struct clearfw_config *config, const struct memory *memory,
	       struct clearfw_error *err);
void kasan_deinit(struct kasan *kasan);
int kasan_init_vmalloc(struct kasan *kasan, const char *start, size_t nbytes, struct clearfw_error *err);

/* The kernel's tag modes are of 64-bit architectures: a 32-bit pointer has no byte to spare. */
#if UINTPTR_MAX > UINT32_MAX
#define KASAN_TAG_SHIFT 56
#define KASAN_TAG_MASK ((uintptr_t)0xff << KASAN_TAG_SHIFT)
#else
#define KASAN_TAG_SHIFT 0
#define KASAN_TAG_MASK ((uintptr_t)0)
#endif

static inline void *kasan_tagged(const void *addr, uint8_t tag)
{
	uintptr_t inverted = (uint8_t)(tag ^ KASAN_TAG_KERNEL);

	return (void *)((uintptr_t)addr | (inverted << KASAN_TAG_SHIFT & KASAN_TAG_MASK));
}

static inline uint8_t kasan_tag_of(const void *addr)
{
	return (uint8_t)(((uintptr_t)addr & KASAN_TAG_MASK) >> KASAN_TAG_SHIFT) ^ KASAN_TAG_KERNEL;
}

static inline void *kasan_untagged(const void *addr)
{
	return (void *)((uintptr_t)addr & ~KASAN_TAG_MASK);
}

static inline bool kasan_integrates_init(const struct kasan *kasan)
{
	return kasan->mode == KASAN_HW_TAGS;
}

static inline bool kasan_uses_tags(const struct kasan *kasan)
{
	return kasan->mode == KASAN_SW_TAGS || kasan->mode == KASAN_HW_TAGS;
}

/*
 * __kasan_unpoison_pages(): false for HIGHMEM pages, without KASAN, and for
 * hw_tags allocations that sampling drops. In the tag modes gives the block a
 * random tag in memory and in every struct page. It does not clear: a caller with
 * integrated init does that itself.
 */
bool kasan_unpoison_pages(struct kasan *kasan, struct page *page, unsigned int order);

/* __kasan_poison_pages(): KASAN_PAGE_FREE, or KASAN_TAG_INVALID in the tag modes; HIGHMEM pages are not tracked. */
void kasan_poison_pages(struct kasan *kasan, struct page *page, unsigned int order);

/* page_kasan_tag_reset() on each page of the block. Does nothing outside the tag modes. */
void kasan_reset_page_tags(const struct kasan *kasan, struct page *page, uint32_t npages);

/* Sets the memory tags of a block, and not the struct pages': arm64's mte_clear_page_tags(). hw_tags only. */
void kasan_set_memory_tags(struct kasan *kasan, const struct page *page, uint32_t npages, uint8_t tag);

/* kasan_poison_vmalloc() and kasan_unpoison_vmalloc() of the software modes. Return the tagged address. */
void kasan_poison_vmalloc(struct kasan *kasan, const void *start, size_t nbytes);
void *kasan_unpoison_vmalloc(struct kasan *kasan, const void *start, size_t nbytes);

/*
 * kasan_check_range() for a write. True when it may go ahead: every granule is
 * addressable (generic), the pointer's tag is match-all or equals every
 * memory tag (tag modes), or the memory is not tracked (kmap slots,
 * anything outside lowmem and vmalloc). Else false with *report filled.
 * Depth is the caller's business: suppression means not asking.
 */
bool kasan_check_write(const struct kasan *kasan, const void *addr, size_t nbytes, struct kasan_report *report);

#endif
