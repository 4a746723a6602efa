/* SPDX-License-Identifier: MIT */

#include "mm/kasan.h"

#include "base/fault_inject.h"
#include "mm/buddy.h"

#include <string.h>
#include <sys/mman.h>

#define NO_GRANULE SIZE_MAX

/*
 * A range of tracked addresses with its shadow. Nearly all of it is free most of the time, and a
 * fresh mapping reads as zeroes: so a byte is stored XOR the value of free memory, and shadow that
 * was never written takes no RAM.
 */
struct area {
	uint8_t *shadow; /* NULL: hw_tags on vmalloc, whose tags are those of the pages behind it */
	uintptr_t start;
	size_t nbytes;
	uint8_t free;
};

static struct area lowmem_area(const struct kasan *kasan)
{
	return (struct area){
		.shadow = kasan->shadow,
		.start = (uintptr_t)kasan->direct,
		.nbytes = kasan->lowmem,
		.free = kasan_uses_tags(kasan) ? KASAN_TAG_INVALID : KASAN_PAGE_FREE,
	};
}

static struct area vmalloc_area(const struct kasan *kasan)
{
	return (struct area){
		.shadow = kasan->vmalloc_shadow,
		.start = (uintptr_t)kasan->vmalloc_start,
		.nbytes = kasan->vmalloc_bytes,
		.free = kasan_uses_tags(kasan) ? KASAN_TAG_INVALID : KASAN_VMALLOC_INVALID,
	};
}

static uint8_t granule_value(const struct area *area, size_t granule)
{
	return area->shadow[granule] ^ area->free;
}

static void set_granules(const struct area *area, size_t first, size_t count, uint8_t value)
{
	memset(area->shadow + first, value ^ area->free, count);
}

static bool granules_all_are(const struct area *area, size_t first, size_t count, uint8_t value)
{
	const uint8_t *shadow = area->shadow + first;

	/* Comparing the bytes with themselves, one on, finds all of them equal at memcmp()'s speed. */
	return granule_value(area, first) == value && memcmp(shadow, shadow + 1, count - 1) == 0;
}

static uint8_t *map_shadow(size_t nbytes, struct clearfw_error *err)
{
	void *shadow =
		core_mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (shadow != MAP_FAILED)
		return shadow;
	clearfw_fail(err, CLEARFW_ESYS, "mapping %zu bytes of KASAN shadow", nbytes);
	return NULL;
}

int kasan_init(struct kasan *kasan, const struct clearfw_config *config, const struct memory *memory,
	       struct clearfw_error *err)
{
	*kasan = (struct kasan){ .mode = config->kasan };
	if (kasan->mode == KASAN_OFF)
		return 0;
	kasan->page_shift = config->page_shift;
	kasan->granule_shift = kasan_uses_tags(kasan) ? 4 : 3;
	kasan->direct = memory->direct;
	kasan->lowmem = memory->lowmem;
	kasan->random = config->seed;
	kasan->sample = config->kasan_sample;
	kasan->sample_order = config->kasan_sample_order;
	kasan->shadow_bytes = kasan->lowmem >> kasan->granule_shift;
	kasan->shadow = map_shadow(kasan->shadow_bytes, err);
	return kasan->shadow ? 0 : -CLEARFW_ESYS;
}

void kasan_deinit(struct kasan *kasan)
{
	if (kasan->shadow)
		munmap(kasan->shadow, kasan->shadow_bytes);
	if (kasan->vmalloc_shadow)
		munmap(kasan->vmalloc_shadow, kasan->vmalloc_shadow_bytes);
	*kasan = (struct kasan){ .mode = KASAN_OFF };
}

int kasan_init_vmalloc(struct kasan *kasan, const char *start, size_t nbytes, struct clearfw_error *err)
{
	if (kasan->mode == KASAN_OFF)
		return 0;
	if (kasan->mode != KASAN_HW_TAGS) {
		kasan->vmalloc_shadow_bytes = nbytes >> kasan->granule_shift;
		kasan->vmalloc_shadow = map_shadow(kasan->vmalloc_shadow_bytes, err);
		if (!kasan->vmalloc_shadow)
			return -CLEARFW_ESYS;
	}
	kasan->vmalloc_start = start;
	kasan->vmalloc_bytes = nbytes;
	return 0;
}

/*
 * splitmix64 (Steele, Lea and Flood 2014): the state is a counter, so threads draw from it without
 * a lock. Both tag modes use the whole range, where MTE's four bits leave 14 tags.
 */
static uint8_t kasan_random_tag(struct kasan *kasan)
{
	const uint64_t step = 0x9e3779b97f4a7c15;
	uint64_t z = atomic_fetch_add_explicit(&kasan->random, step, memory_order_relaxed) + step;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % (KASAN_TAG_MAX + 1);
}

/* Whether this allocation gets a tag (mm/kasan/kasan.h:kasan_sample_page_alloc, 7.3, counts per CPU). */
static bool kasan_sample_alloc(struct kasan *kasan, unsigned int order)
{
	uint32_t left, next;

	if (kasan->mode != KASAN_HW_TAGS || kasan->sample <= 1 || order < kasan->sample_order)
		return true;
	left = atomic_load_explicit(&kasan->sample_countdown, memory_order_relaxed);
	do
		next = (left ? left : kasan->sample) - 1;
	while (!atomic_compare_exchange_weak_explicit(&kasan->sample_countdown, &left, next, memory_order_relaxed,
						      memory_order_relaxed));
	return left == 0;
}

static bool page_is_tracked(const struct kasan *kasan, const struct page *page)
{
	return kasan->mode != KASAN_OFF && !(page->flags & PG_highmem);
}

static void set_pages(struct kasan *kasan, const struct page *page, size_t npages, uint8_t value)
{
	const struct area lowmem = lowmem_area(kasan);
	uint32_t shift = kasan->page_shift - kasan->granule_shift;

	set_granules(&lowmem, (size_t)page->pfn << shift, npages << shift, value);
}

static void set_page_tags(struct page *page, uint32_t npages, uint8_t tag)
{
	for (uint32_t i = 0; i < npages; i++)
		page[i].kasan_tag = tag;
}

bool kasan_unpoison_pages(struct kasan *kasan, struct page *page, unsigned int order)
{
	uint32_t npages = 1u << order;
	uint8_t tag;

	if (!page_is_tracked(kasan, page) || !kasan_sample_alloc(kasan, order))
		return false;
	if (!kasan_uses_tags(kasan)) {
		set_pages(kasan, page, npages, 0);
		return true;
	}
	tag = kasan_random_tag(kasan);
	set_pages(kasan, page, npages, tag);
	set_page_tags(page, npages, tag);
	return true;
}

void kasan_poison_pages(struct kasan *kasan, struct page *page, unsigned int order)
{
	if (page_is_tracked(kasan, page))
		set_pages(kasan, page, 1u << order, lowmem_area(kasan).free);
}

void kasan_reset_page_tags(const struct kasan *kasan, struct page *page, uint32_t npages)
{
	if (kasan_uses_tags(kasan))
		set_page_tags(page, npages, KASAN_TAG_KERNEL);
}

void kasan_set_memory_tags(struct kasan *kasan, const struct page *page, uint32_t npages, uint8_t tag)
{
	if (kasan->mode == KASAN_HW_TAGS && page_is_tracked(kasan, page))
		set_pages(kasan, page, npages, tag);
}

/* Rounded up: sw_tags has no partial granules. */
static size_t granules_of(const struct kasan *kasan, size_t nbytes)
{
	return (nbytes + (1u << kasan->granule_shift) - 1) >> kasan->granule_shift;
}

static size_t vmalloc_granule(const struct kasan *kasan, const void *start)
{
	return (size_t)((const char *)kasan_untagged(start) - kasan->vmalloc_start) >> kasan->granule_shift;
}

void kasan_poison_vmalloc(struct kasan *kasan, const void *start, size_t nbytes)
{
	const struct area vmalloc = vmalloc_area(kasan);

	if (!vmalloc.shadow)
		return;
	set_granules(&vmalloc, vmalloc_granule(kasan, start), granules_of(kasan, nbytes), vmalloc.free);
}

/* generic: a partial last granule says how many of its bytes are addressable. */
static void unpoison_bytes(const struct kasan *kasan, const struct area *area, size_t first, size_t nbytes)
{
	size_t whole = nbytes >> kasan->granule_shift;
	uint8_t partial = nbytes & ((1u << kasan->granule_shift) - 1);

	set_granules(area, first, whole, 0);
	if (partial)
		set_granules(area, first + whole, 1, partial);
}

void *kasan_unpoison_vmalloc(struct kasan *kasan, const void *start, size_t nbytes)
{
	const struct area vmalloc = vmalloc_area(kasan);
	uint8_t tag = KASAN_TAG_KERNEL;

	if (!vmalloc.shadow)
		return (void *)start;
	if (kasan_uses_tags(kasan)) {
		tag = kasan_random_tag(kasan);
		set_granules(&vmalloc, vmalloc_granule(kasan, start), granules_of(kasan, nbytes), tag);
	} else {
		unpoison_bytes(kasan, &vmalloc, vmalloc_granule(kasan, start), nbytes);
	}
	return kasan_tagged(kasan_untagged(start), tag);
}

/* Whether VALUE forbids a write that ends with byte LAST of its granule. */
static bool granule_is_bad(const struct kasan *kasan, uint8_t value, uint8_t tag, size_t last)
{
	if (kasan_uses_tags(kasan))
		return value != tag;
	/* 1 to 7: as many bytes are addressable. From 0x80 on, below zero as a signed byte: none is. */
	return value != 0 && (int)last >= (int8_t)value;
}

/* Of the bytes [begin, end) of the area. */
static size_t first_bad_granule(const struct kasan *kasan, const struct area *area, uint8_t tag, size_t begin,
				size_t end)
{
	size_t mask = (1u << kasan->granule_shift) - 1;
	size_t granule = begin >> kasan->granule_shift;
	size_t last = (end - 1) >> kasan->granule_shift;
	uint8_t good = kasan_uses_tags(kasan) ? tag : 0;

	if (granules_all_are(area, granule, last - granule + 1, good))
		return NO_GRANULE;
	for (; granule <= last; granule++) {
		size_t last_byte = granule < last ? mask : (end - 1) & mask;

		if (granule_is_bad(kasan, granule_value(area, granule), tag, last_byte))
			return granule;
	}
	return NO_GRANULE;
}

/* Looks at what of [from, to) lies in the area. The granule found may be one of an area without shadow. */
static size_t find_bad(const struct kasan *kasan, const struct area *area, uint8_t tag, uintptr_t from, uintptr_t to)
{
	uintptr_t area_end = area->start + area->nbytes;

	if (from < area->start)
		from = area->start;
	if (to > area_end)
		to = area_end;
	if (from >= to)
		return NO_GRANULE;
	if (!area->shadow)
		return (from - area->start) >> kasan->granule_shift;
	return first_bad_granule(kasan, area, tag, from - area->start, to - area->start);
}

bool kasan_check_write(const struct kasan *kasan, const void *addr, size_t nbytes, struct kasan_report *report)
{
	const struct area areas[] = { lowmem_area(kasan), vmalloc_area(kasan) };
	uint8_t tag = kasan_uses_tags(kasan) ? kasan_tag_of(addr) : KASAN_TAG_KERNEL;
	uintptr_t from = (uintptr_t)kasan_untagged(addr);
	uintptr_t to = nbytes > UINTPTR_MAX - from ? UINTPTR_MAX : from + nbytes;

	if (kasan->mode == KASAN_OFF || (kasan_uses_tags(kasan) && tag == KASAN_TAG_KERNEL))
		return true;
	for (int i = 0; i < 2; i++) {
		size_t bad = find_bad(kasan, &areas[i], tag, from, to);
		size_t offset = bad << kasan->granule_shift;

		if (bad == NO_GRANULE)
			continue;
		*report = (struct kasan_report){
			.addr = addr,
			.nbytes = nbytes,
			.pfn = i == 0 ? (uint32_t)(offset >> kasan->page_shift) : NO_PFN,
			.pointer_tag = tag,
			.memory_tag = areas[i].shadow ? granule_value(&areas[i], bad) : KASAN_TAG_INVALID,
		};
		return false;
	}
	return true;
}
