/* SPDX-License-Identifier: MIT */
/* kmap_local over a RAM of 32 pages, all but the first 4 of them HIGHMEM. */
#include "mm/kmap.h"

#include "mm/buddy.h"
#include "check.h"
#include "mm/kasan.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 32
#define LOW_PAGES 4

static uint32_t page_shift;
static size_t page_size;
static enum clearfw_kmap mode;
static struct memory memory;
static struct page mem_map[PAGES];
static struct kmap_ctrl ctrl;
static int status;

static void boot(enum clearfw_kmap kmap, uint32_t shift)
{
	page_shift = shift;
	page_size = (size_t)1 << shift;
	mode = kmap;
	memory = (struct memory){ .nbytes = PAGES * page_size, .lowmem = LOW_PAGES * page_size };
	memory.fd = memfd_create("ram", 0);
	CHECK(memory.fd >= 0 && ftruncate(memory.fd, (off_t)memory.nbytes) == 0);
	memory.reserved = memory.nbytes + page_size;
	memory.reservation = mmap(NULL, memory.reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory.reservation != MAP_FAILED);
	memory.direct = memory.reservation + (-(uintptr_t)memory.reservation & (page_size - 1));
	CHECK(mmap(memory.direct, memory.nbytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory.fd, 0) ==
	      memory.direct);
	memory.highmem = memory.direct + memory.lowmem;
	for (uint32_t pfn = 0; pfn < PAGES; pfn++) {
		mem_map[pfn] = (struct page){
			.flags = pfn < LOW_PAGES ? 0 : PG_highmem,
			.pfn = pfn,
			.virtual = pfn < LOW_PAGES ? memory.direct + pfn * page_size : NULL,
		};
		memset(memory.direct + pfn * page_size, (int)(0x40 + pfn), page_size);
	}
	CHECK(kmap_init(&ctrl, mode, page_shift, NULL) == 0);
}

static void halt(void)
{
	kmap_deinit(&ctrl, page_shift);
	CHECK(!ctrl.slots && !ctrl.overflow);
	munmap(memory.reservation, memory.reserved);
	close(memory.fd);
}

static unsigned char *map(uint32_t pfn)
{
	return kmap_local(&ctrl, &memory, mode, page_shift, &mem_map[pfn], &status);
}

static int unmap(const void *addr)
{
	return kunmap(&ctrl, &memory, mode, page_shift, addr);
}

/* Whether a write to ADDR kills the process that tries. */
static bool write_faults(unsigned char *addr)
{
	int wait_status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile unsigned char *)addr = 1;
		_exit(0);
	}
	CHECK(waitpid(pid, &wait_status, 0) == pid);
	return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSEGV;
}

/* A mapping shows the page's own bytes, aligned, and what is written through it is in RAM. */
static void test_mapping_is_the_page(void)
{
	unsigned char *first = map(5), *second = map(9);

	CHECK(status == 0 && ctrl.idx == 2 && first != second);
	CHECK(((uintptr_t)first | (uintptr_t)second) % page_size == 0);
	CHECK(first[0] == 0x45 && first[page_size - 1] == 0x45 && second[0] == 0x49);
	memset(first, 0, page_size);
	CHECK(memory.direct[5 * page_size] == 0 && memory.direct[6 * page_size - 1] == 0);
	CHECK(memory.direct[4 * page_size] == 0x44 && memory.direct[6 * page_size] == 0x46);
	CHECK(unmap(second) == 0 && unmap(first) == 0 && ctrl.idx == 0);
}

/* Mappings come off last in, first out; the wrong one is refused and changes nothing. */
static void test_unmaps_in_order(void)
{
	unsigned char *first = map(5), *second = map(9);

	CHECK(unmap(first) == -CLEARFW_EKMAP_ORDER && ctrl.idx == 2);
	CHECK(unmap(second + page_size - 1) == 0);
	CHECK(unmap(first + 100) == 0);
	CHECK(unmap(first) == -CLEARFW_EKMAP_ORDER && ctrl.idx == 0);
	CHECK(unmap(&status) == -CLEARFW_EKMAP_ORDER);
}

/* Lowmem needs no slot, even when all are taken, and its unmapping is a no-op, tag or not. */
static void test_lowmem_takes_no_slot(void)
{
	void *live = map(20);

	CHECK(map(3) == mem_map[3].virtual && status == 0 && ctrl.idx == 1);
	CHECK(unmap((char *)mem_map[3].virtual + 8) == 0 && ctrl.idx == 1);
	CHECK(unmap(kasan_tagged(mem_map[3].virtual, 0x12)) == 0 && ctrl.idx == 1);
	CHECK(unmap(live) == 0);
}

/* Sixteen at a time; the next gets the overflow page and an error, and unmapping that harms nothing. */
static void test_seventeenth_overflows(void)
{
	unsigned char *addr[KM_MAX_IDX], *overflow;

	for (uint32_t i = 0; i < KM_MAX_IDX; i++) {
		addr[i] = map(LOW_PAGES + i);
		CHECK(status == 0 && addr[i]);
	}
	overflow = map(30);
	CHECK(status == -CLEARFW_EKMAP_FULL && overflow == (unsigned char *)ctrl.overflow);
	memset(overflow, 0xff, page_size);
	CHECK((unsigned char)memory.direct[30 * page_size] == 0x40 + 30);
	CHECK(unmap(overflow) == 0 && ctrl.idx == KM_MAX_IDX);
	CHECK(map(0) == mem_map[0].virtual && status == 0);
	for (int i = KM_MAX_IDX - 1; i >= 0; i--)
		CHECK(unmap(addr[i]) == 0);
	CHECK(map(30) && status == 0);
	kmap_unwind(&ctrl, &memory, mode, page_shift, 0);
}

/* An address within a live mapping leads back to its pfn, and to none once it is gone. */
static void test_to_pfn(void)
{
	unsigned char *first = map(6), *second = map(7);

	CHECK(kmap_to_pfn(&ctrl, page_shift, first) == 6);
	CHECK(kmap_to_pfn(&ctrl, page_shift, second + page_size - 1) == 7);
	CHECK(kmap_to_pfn(&ctrl, page_shift, mem_map[0].virtual) == NO_PFN);
	unmap(second);
	CHECK(kmap_to_pfn(&ctrl, page_shift, second) == NO_PFN);
	unmap(first);
}

/* Unwinding drops what lies above the mappings to keep. */
static void test_unwind(void)
{
	unsigned char *kept = map(8);

	map(9);
	map(10);
	kmap_unwind(&ctrl, &memory, mode, page_shift, 1);
	CHECK(ctrl.idx == 1 && unmap(kept) == 0);
}

/* strict: an unmapped slot, the guard page after a live one, and the slot not yet used all fault. */
static void test_strict_stray_access_faults(void)
{
	unsigned char *first = map(5), *second = map(9);

	CHECK(!write_faults(first) && !write_faults(second + page_size - 1));
	CHECK(write_faults(first + page_size) && write_faults(second + page_size));
	unmap(second);
	CHECK(write_faults(second) && !write_faults(first));
	unmap(first);
	CHECK(write_faults(first));
	map(9);
	map(10);
	kmap_unwind(&ctrl, &memory, mode, page_shift, 0);
	CHECK(write_faults(first) && write_faults(second));
}

/* strict: a page that cannot be mapped yields the overflow page, an error, and no slot lost. */
static void test_strict_failed_map(void)
{
	int fd = memory.fd;

	memory.fd = -1;
	CHECK(map(5) == (unsigned char *)ctrl.overflow && status == -CLEARFW_ESYS && ctrl.idx == 0);
	memory.fd = fd;
}

/* priced: the address is the core's own view of HIGHMEM. */
static void test_priced_address(void)
{
	CHECK(!ctrl.slots);
	CHECK(map(11) == memory_at(&memory, 11 * page_size));
	kmap_unwind(&ctrl, &memory, mode, page_shift, 0);
}

static void test_both_modes(void)
{
	test_mapping_is_the_page();
	test_unmaps_in_order();
	test_lowmem_takes_no_slot();
	test_seventeenth_overflows();
	test_to_pfn();
	test_unwind();
}

int main(void)
{
	for (uint32_t shift = 12; shift <= 16; shift += 2) {
		boot(KMAP_STRICT, shift);
		test_both_modes();
		test_strict_stray_access_faults();
		test_strict_failed_map();
		halt();
		boot(KMAP_PRICED, shift);
		test_both_modes();
		test_priced_address();
		halt();
	}
	return 0;
}
