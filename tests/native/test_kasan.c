/* SPDX-License-Identifier: MIT */
/* KASAN over a RAM of 64 pages, the upper 16 of them HIGHMEM,, and 16 of vmalloc. Around both lies a gap. */
#include "mm/kasan.h"

#include "mm/buddy.h"
#include "check.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define LOW_PAGES 48
#define PAGES 64
#define VMALLOC_BYTES (16 * PAGE)

static struct memory memory;
static struct page mem_map[PAGES];
static char *vmalloc_start;
static struct kasan kasan;
static struct kasan_report report;

static void make_memory(void)
{
	memory = (struct memory){ .nbytes = PAGES * PAGE, .lowmem = LOW_PAGES * PAGE };
	memory.fd = memfd_create("ram", 0);
	CHECK(memory.fd >= 0 && ftruncate(memory.fd, PAGES * PAGE) == 0);
	memory.reservation = mmap(NULL, 256 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory.reservation != MAP_FAILED);
	memory.direct = mmap(memory.reservation + 32 * PAGE, memory.lowmem, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_FIXED, memory.fd, 0);
	CHECK(memory.direct == memory.reservation + 32 * PAGE);
	vmalloc_start = memory.reservation + 192 * PAGE;
}

static void boot(enum clearfw_kasan mode, uint32_t sample)
{
	struct clearfw_config config = {
		.page_shift = 12, .kasan = mode, .kasan_sample = sample, .kasan_sample_order = 3, .seed = 42
	};

	for (uint32_t pfn = 0; pfn < PAGES; pfn++)
		mem_map[pfn] = (struct page){
			.flags = pfn < LOW_PAGES ? 0 : PG_highmem,
			.pfn = pfn,
			.virtual = pfn < LOW_PAGES ? memory.direct + pfn * PAGE : NULL,
			.kasan_tag = KASAN_TAG_KERNEL,
		};
	CHECK(kasan_init(&kasan, &config, &memory, NULL) == 0);
	CHECK(kasan_init_vmalloc(&kasan, vmalloc_start, VMALLOC_BYTES, NULL) == 0);
}

static bool write_ok(const void *addr, size_t nbytes)
{
	memset(&report, 0, sizeof(report));
	return kasan_check_write(&kasan, addr, nbytes, &report);
}

static char *page_at(uint32_t pfn)
{
	return memory.direct + pfn * PAGE;
}

static char *tagged_page_at(uint32_t pfn)
{
	return kasan_tagged(page_at(pfn), mem_map[pfn].kasan_tag);
}

/* Without KASAN nothing is unpoisoned, tagged or refused. */
static void test_off_does_nothing(void)
{
	boot(KASAN_OFF, 1);
	CHECK(!kasan_unpoison_pages(&kasan, mem_map, 0));
	kasan_poison_pages(&kasan, mem_map, 0);
	CHECK(write_ok(page_at(0), PAGE));
	CHECK(kasan_unpoison_vmalloc(&kasan, vmalloc_start, 5) == vmalloc_start);
	kasan_poison_vmalloc(&kasan, vmalloc_start, 5);
	kasan_deinit(&kasan);
}

/* All of lowmem boots free, and no shadow is resident for it until it is unpoisoned. */
static void test_boots_free_without_shadow(void)
{
	unsigned char resident[8];
	size_t shadow_pages;

	boot(KASAN_GENERIC, 1);
	shadow_pages = (kasan.shadow_bytes + PAGE - 1) / PAGE;
	CHECK(shadow_pages <= sizeof(resident));
	CHECK(mincore(kasan.shadow, kasan.shadow_bytes, resident) == 0);
	for (size_t i = 0; i < shadow_pages; i++)
		CHECK(!(resident[i] & 1));
	CHECK(!write_ok(page_at(0), memory.lowmem));
	CHECK(report.memory_tag == KASAN_PAGE_FREE && report.pfn == 0);
	kasan_deinit(&kasan);
}

/* generic: exactly the unpoisoned block is writable, and a write past it names the page it ran into. */
static void test_generic_block(void)
{
	boot(KASAN_GENERIC, 1);
	CHECK(kasan_unpoison_pages(&kasan, &mem_map[4], 2));
	CHECK(write_ok(page_at(4), 4 * PAGE));
	CHECK(mem_map[4].kasan_tag == KASAN_TAG_KERNEL);

	CHECK(!write_ok(page_at(4), 4 * PAGE + 1));
	CHECK(report.addr == page_at(4) && report.nbytes == 4 * PAGE + 1);
	CHECK(report.pfn == 8 && report.memory_tag == KASAN_PAGE_FREE);
	CHECK(report.pointer_tag == KASAN_TAG_KERNEL);
	CHECK(!write_ok(page_at(4) - 1, 1) && report.pfn == 3);

	kasan_poison_pages(&kasan, &mem_map[4], 2);
	CHECK(!write_ok(page_at(7) + PAGE - 1, 1) && report.pfn == 7);
	CHECK(write_ok(page_at(4), 0));
	kasan_deinit(&kasan);
}

/* Two allocated neighbours have no redzone between them in generic mode. */
static void test_generic_has_no_redzone(void)
{
	boot(KASAN_GENERIC, 1);
	kasan_unpoison_pages(&kasan, &mem_map[0], 0);
	kasan_unpoison_pages(&kasan, &mem_map[1], 0);
	CHECK(write_ok(page_at(0), PAGE + 8));
	kasan_deinit(&kasan);
}

/* A range that is partly untracked is judged by its tracked part, and outside everything all is allowed. */
static void test_partly_tracked_range(void)
{
	char local[64];

	boot(KASAN_GENERIC, 1);
	CHECK(write_ok(local, sizeof(local)));
	CHECK(write_ok(page_at(0) - PAGE, PAGE));
	CHECK(!write_ok(page_at(0) - PAGE, PAGE + 1) && report.pfn == 0);
	CHECK(write_ok(page_at(LOW_PAGES), 100));
	CHECK(!write_ok(page_at(LOW_PAGES) - 1, 100) && report.pfn == LOW_PAGES - 1);
	kasan_unpoison_pages(&kasan, &mem_map[LOW_PAGES - 1], 0);
	CHECK(write_ok(page_at(LOW_PAGES) - PAGE, PAGE + 100));
	CHECK(!write_ok(page_at(0), SIZE_MAX));
	kasan_deinit(&kasan);
}

/* HIGHMEM pages are not tracked in any mode. */
static void test_highmem_is_not_tracked(void)
{
	for (enum clearfw_kasan mode = KASAN_GENERIC; mode <= KASAN_HW_TAGS; mode++) {
		boot(mode, 1);
		CHECK(!kasan_unpoison_pages(&kasan, &mem_map[LOW_PAGES], 1));
		CHECK(mem_map[LOW_PAGES].kasan_tag == KASAN_TAG_KERNEL);
		kasan_poison_pages(&kasan, &mem_map[LOW_PAGES], 1);
		kasan_set_memory_tags(&kasan, &mem_map[LOW_PAGES], 2, 7);
		kasan_deinit(&kasan);
	}
}

/* Tag modes: the block's pages and memory share one tag; only that tag and match-all may write. */
static void test_tags(void)
{
	for (enum clearfw_kasan mode = KASAN_SW_TAGS; mode <= KASAN_HW_TAGS; mode++) {
		boot(mode, 1);
		CHECK(kasan_unpoison_pages(&kasan, &mem_map[8], 3));
		uint8_t tag = mem_map[8].kasan_tag, other = tag ^ 1;

		CHECK(tag <= KASAN_TAG_MAX);
		for (int i = 8; i < 16; i++)
			CHECK(mem_map[i].kasan_tag == tag);
		CHECK(write_ok(tagged_page_at(8), 8 * PAGE));
		CHECK(write_ok(page_at(8), 8 * PAGE) && write_ok(page_at(0), PAGE));
		CHECK(!write_ok(kasan_tagged(page_at(9), other), 1));
		CHECK(report.pfn == 9 && report.pointer_tag == other && report.memory_tag == tag);
		CHECK(!write_ok(tagged_page_at(8), 8 * PAGE + 1));
		CHECK(report.pfn == 16 && report.memory_tag == KASAN_TAG_INVALID);

		kasan_poison_pages(&kasan, &mem_map[8], 3);
		CHECK(mem_map[8].kasan_tag == tag);
		CHECK(!write_ok(tagged_page_at(8), 1) && report.memory_tag == KASAN_TAG_INVALID);
		kasan_reset_page_tags(&kasan, &mem_map[8], 8);
		for (int i = 8; i < 16; i++)
			CHECK(mem_map[i].kasan_tag == KASAN_TAG_KERNEL);
		kasan_deinit(&kasan);
	}
}

/* Clearing memory tags leaves those of struct page, and does nothing outside hw_tags. */
static void test_set_memory_tags(void)
{
	boot(KASAN_HW_TAGS, 1);
	kasan_set_memory_tags(&kasan, &mem_map[2], 2, 0x33);
	CHECK(mem_map[2].kasan_tag == KASAN_TAG_KERNEL);
	CHECK(write_ok(kasan_tagged(page_at(2), 0x33), 2 * PAGE));
	CHECK(!write_ok(kasan_tagged(page_at(2), 0x33), 2 * PAGE + 1));
	kasan_deinit(&kasan);

	boot(KASAN_SW_TAGS, 1);
	kasan_set_memory_tags(&kasan, &mem_map[2], 2, 0x33);
	CHECK(!write_ok(kasan_tagged(page_at(2), 0x33), 1));
	kasan_deinit(&kasan);
}

/* The tags of a boot follow from its seed, and differ from block to block. */
static void test_tags_repeat_with_the_seed(void)
{
	uint8_t first[LOW_PAGES];
	unsigned int differ = 0;

	for (int run = 0; run < 2; run++) {
		boot(KASAN_SW_TAGS, 1);
		for (int pfn = 0; pfn < LOW_PAGES; pfn++) {
			kasan_unpoison_pages(&kasan, &mem_map[pfn], 0);
			CHECK(run == 0 || first[pfn] == mem_map[pfn].kasan_tag);
			first[pfn] = mem_map[pfn].kasan_tag;
			differ += first[pfn] != first[0];
		}
		kasan_deinit(&kasan);
	}
	CHECK(differ > LOW_PAGES);
}

/* kasan.page_alloc.sample=N tags the first of every N allocations from the sample order up; hw_tags only. */
static void test_sampling(void)
{
	boot(KASAN_HW_TAGS, 4);
	for (int i = 0; i < 12; i++) {
		CHECK(kasan_unpoison_pages(&kasan, &mem_map[0], 3) == (i % 4 == 0));
		CHECK(kasan_unpoison_pages(&kasan, &mem_map[8], 2));
	}
	kasan_deinit(&kasan);

	boot(KASAN_SW_TAGS, 4);
	for (int i = 0; i < 4; i++)
		CHECK(kasan_unpoison_pages(&kasan, &mem_map[0], 3));
	kasan_deinit(&kasan);
}

static void *sample_many(void *block)
{
	uintptr_t count = 0;

	for (int i = 0; i < 4000; i++)
		count += kasan_unpoison_pages(&kasan, block, 3);
	return (void *)count;
}

/* Threads share the countdown without losing a step. */
static void test_sampling_from_two_threads(void)
{
	pthread_t thread;
	void *there;
	uintptr_t here;

	boot(KASAN_HW_TAGS, 4);
	CHECK(pthread_create(&thread, NULL, sample_many, &mem_map[8]) == 0);
	here = (uintptr_t)sample_many(&mem_map[0]);
	CHECK(pthread_join(thread, &there) == 0);
	CHECK(here + (uintptr_t)there == 2000);
	kasan_deinit(&kasan);
}

/* generic vmalloc: writable to the byte, invalid behind it and again after the area is freed. */
static void test_generic_vmalloc(void)
{
	boot(KASAN_GENERIC, 1);
	CHECK(!write_ok(vmalloc_start, 1) && report.memory_tag == KASAN_VMALLOC_INVALID);
	CHECK(report.pfn == NO_PFN);
	CHECK(kasan_unpoison_vmalloc(&kasan, vmalloc_start, PAGE + 13) == vmalloc_start);
	CHECK(write_ok(vmalloc_start, PAGE + 13) && write_ok(vmalloc_start + PAGE + 8, 5));
	CHECK(!write_ok(vmalloc_start, PAGE + 14) && report.memory_tag == 5);
	CHECK(!write_ok(vmalloc_start, 2 * PAGE));
	kasan_poison_vmalloc(&kasan, vmalloc_start, 2 * PAGE);
	CHECK(!write_ok(vmalloc_start, 1) && report.memory_tag == KASAN_VMALLOC_INVALID);
	kasan_deinit(&kasan);
}

/* sw_tags vmalloc: the returned pointer carries the tag, rounded up to the granule. */
static void test_sw_tags_vmalloc(void)
{
	char *addr;

	boot(KASAN_SW_TAGS, 1);
	addr = kasan_unpoison_vmalloc(&kasan, vmalloc_start + PAGE, 40);
	CHECK(kasan_untagged(addr) == vmalloc_start + PAGE && kasan_tag_of(addr) <= KASAN_TAG_MAX);
	CHECK(write_ok(addr, 48) && !write_ok(addr, 49));
	CHECK(report.memory_tag == KASAN_TAG_INVALID && report.pfn == NO_PFN);
	CHECK(write_ok(vmalloc_start, PAGE));
	kasan_poison_vmalloc(&kasan, addr, 40);
	CHECK(!write_ok(addr, 1));
	kasan_deinit(&kasan);
}

/* hw_tags follows no vmalloc address: match-all passes, any other tag is reported. */
static void test_hw_tags_vmalloc(void)
{
	boot(KASAN_HW_TAGS, 1);
	CHECK(kasan_unpoison_vmalloc(&kasan, vmalloc_start, PAGE) == vmalloc_start);
	kasan_poison_vmalloc(&kasan, vmalloc_start, PAGE);
	CHECK(write_ok(vmalloc_start, PAGE));
	CHECK(!write_ok(kasan_tagged(vmalloc_start, 9), 1));
	CHECK(report.pointer_tag == 9 && report.memory_tag == KASAN_TAG_INVALID && report.pfn == NO_PFN);
	kasan_deinit(&kasan);
}

int main(void)
{
	make_memory();
	test_off_does_nothing();
	test_boots_free_without_shadow();
	test_generic_block();
	test_generic_has_no_redzone();
	test_partly_tracked_range();
	test_highmem_is_not_tracked();
	test_tags();
	test_set_memory_tags();
	test_tags_repeat_with_the_seed();
	test_sampling();
	test_sampling_from_two_threads();
	test_generic_vmalloc();
	test_sw_tags_vmalloc();
	test_hw_tags_vmalloc();
	return 0;
}
