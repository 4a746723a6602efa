/* SPDX-License-Identifier: MIT */
/* What a machine boots with: the core's side of clearfw.config.Config. */
#ifndef CLEARFW_CONFIG_H
#define CLEARFW_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum clearfw_backing { BACKING_AUTO, BACKING_HUGETLB, BACKING_THP, BACKING_BASE };
enum clearfw_kasan { KASAN_OFF, KASAN_GENERIC, KASAN_SW_TAGS, KASAN_HW_TAGS };
enum clearfw_kmap { KMAP_STRICT, KMAP_PRICED };
enum clearfw_preempt { PREEMPT_LAZY, PREEMPT_FULL, PREEMPT_VOLUNTARY, PREEMPT_NONE };

struct clearfw_config {
	uint64_t memory; /* bytes in all, HIGHMEM included */
	uint64_t hole; /* bytes of physical addresses below the first page */
	bool window; /* a few real bytes, moved to where they are used (mm/window.h); no HIGHMEM then */
	uint64_t highmem; /* bytes of it that have no direct mapping; above 0 means CONFIG_HIGHMEM=y */
	uint32_t page_shift;
	enum clearfw_backing backing;
	enum clearfw_kasan kasan;
	enum clearfw_kmap kmap;
	enum clearfw_preempt preempt;
	bool init_on_alloc;
	bool init_on_free;
	bool page_poison;
	bool kasan_vmalloc; /* kasan.vmalloc= */
	bool vmalloc_init_always; /* vmalloc_init=always: what if the vmalloc point always fired */
	bool record_events; /* keep the order of events at the init points */
	uint32_t kasan_sample; /* kasan.page_alloc.sample= */
	uint32_t kasan_sample_order; /* kasan.page_alloc.sample.order= */
	uint64_t seed; /* of the random KASAN tags */
};

#endif
