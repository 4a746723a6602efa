/* SPDX-License-Identifier: MIT */

#include "mm/vmalloc.h"

#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/vmap.h"
#include "mm/window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define VMALLOC_MIN_BYTES (256ul << 20)

/* A window has a second address for what an area holds, in chunks that are aligned. */
static bool share_window(struct machine *machine, char *start, size_t nbytes)
{
	size_t before = -(uintptr_t)start & (WINDOW_CHUNK - 1);

	return !machine->memory.window ||
	       window_alias(machine->memory.window, start + before, (nbytes - before) & ~(WINDOW_CHUNK - 1));
}

/* Room for twice the memory, so that guard pages and fragmentation do not end it early. */
static int reserve_area(struct machine *machine, struct clearfw_error *err)
{
	struct vmalloc *vm = &machine->vmalloc;
	size_t nbytes = 2 * (machine->memory.nbytes - machine->memory.start);
	char *start;

	if (nbytes < VMALLOC_MIN_BYTES)
		nbytes = VMALLOC_MIN_BYTES;
	start = core_mmap(NULL, nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return clearfw_fail(err, CLEARFW_ESYS, "reserving %zu bytes of vmalloc area", nbytes);
	if (!page_table_init(&vm->table, machine->page_shift) || !share_window(machine, start, nbytes) ||
	    kasan_init_vmalloc(&machine->kasan, start, nbytes, err)) {
		page_table_deinit(&vm->table);
		munmap(start, nbytes);
		return clearfw_fail(err, CLEARFW_ESYS, "setting up the vmalloc area");
	}
	vm->start = start;
	vm->nbytes = nbytes;
	vm->max_mappings = vmap_max_mappings();
	return 0;
}

/* First fit by address, a guard page behind each area (alloc_vmap_area()). */
static int place_area(struct cpu *cpu, struct vmalloc_area *area, size_t align)
{
	struct machine *machine = cpu->machine;
	struct vmalloc *vm = &machine->vmalloc;
	struct vmalloc_area **link = &vm->areas;
	size_t page = machine_page_size(machine), span = vmap_span(machine, area) + page;
	uintptr_t at = ((uintptr_t)vm->start + align - 1) & ~(align - 1);

	for (; *link; link = &(*link)->next) {
		if ((uintptr_t)(*link)->start >= at + span)
			break;
		at = (uintptr_t)(*link)->start + vmap_span(machine, *link) + page;
		at = (at + align - 1) & ~(align - 1);
	}
	if (at + span > (uintptr_t)vm->start + vm->nbytes)
		return clearfw_fail(&cpu->error, CLEARFW_EVMALLOC, "no room in the vmalloc area for %zu bytes",
				    area->nbytes);
	area->start = (char *)at;
	area->next = *link;
	*link = area;
	return 0;
}

static void unlink_area(struct vmalloc *vm, const struct vmalloc_area *area)
{
	for (struct vmalloc_area **link = &vm->areas; *link; link = &(*link)->next)
		if (*link == area) {
			*link = area->next;
			return;
		}
}

static struct vmalloc_area *find_area(const struct machine *machine, const void *addr)
{
	const char *at = kasan_untagged(addr);

	for (struct vmalloc_area *area = machine->vmalloc.areas; area; area = area->next)
		if (at >= area->start && at < area->start + vmap_span(machine, area))
			return area;
	return NULL;
}

/* One block of 2^order pages as order-0 pages of the area. False: there is none. */
static bool add_block(struct machine *machine, struct vmalloc_area *area, unsigned int order, gfp_t gfp, int *status)
{
	struct page *page;

	*status = machine_alloc(machine, order, gfp, &page);
	if (*status)
		return false;
	if (order)
		machine_split(page, order);
	for (uint32_t i = 0; i < 1u << order; i++)
		area->pfns[area->nr_pages++] = page->pfn + i;
	return true;
}

/* vm_area_alloc_pages(), 7.3: the largest blocks first, each split at once, down to single pages. */
static int add_pages(struct machine *machine, struct vmalloc_area *area, uint32_t npages, unsigned int max_order,
		     gfp_t gfp)
{
	unsigned int order = max_order;
	int status = 0;

	while (area->nr_pages < npages) {
		uint32_t left = npages - area->nr_pages;

		while (1u << order > left)
			order--;
		if (add_block(machine, area, order, gfp, &status))
			continue;
		if (status != -CLEARFW_ENOMEM || !order)
			return status;
		order--;
	}
	return 0;
}

static unsigned int huge_order(const struct machine *machine)
{
	return machine->vmalloc.table.bits;
}

/* PMD-sized blocks for as long as they last (VM_ALLOW_HUGE_VMAP); what is left over is mapped page by page. */
static void add_huge_pages(struct machine *machine, struct vmalloc_area *area, uint32_t npages, gfp_t gfp)
{
	unsigned int order = huge_order(machine);
	int status;

	if (order > MAX_PAGE_ORDER)
		return;
	while (npages - area->nr_pages >= 1u << order && add_block(machine, area, order, gfp, &status))
		area->huge_pages = area->nr_pages;
}

/* All are tried; the status is the last failure's. */
static int free_area_pages(struct machine *machine, const struct vmalloc_area *area)
{
	int status = 0;

	for (uint32_t i = 0; i < area->nr_pages; i++) {
		int freed = machine_free(machine, &machine->mem_map[area->pfns[i]], 0);

		if (freed)
			status = freed;
	}
	return status;
}

/*
 * Whether the area's pages get their tags, and with them their zeroes, here and not from page_alloc. A caller who will
 * use match-all pointers alone, as for a kernel's stacks, says __GFP_SKIP_KASAN: then nobody tags, and page_alloc
 * clears (skip_vmalloc_kasan in __vmalloc_node_range(), 7.3). The flag means something under hw_tags only; the pages[]
 * and tables that the kernel allocates on the way do not inherit it, and are no machine's memory here.
 */
static bool tags_are_ours(const struct machine *machine, gfp_t gfp)
{
	return machine->config.kasan == KASAN_HW_TAGS && !(gfp & __GFP_SKIP_KASAN);
}

/* Exactly once, by whom: KASAN_VMALLOC_INIT in __vmalloc_node_range(), 7.3; `always` is our what-if. */
static bool init_is_ours(const struct machine *machine, gfp_t gfp)
{
	bool wanted = !machine->init_on_free && (machine->init_on_alloc || gfp & __GFP_ZERO);

	return wanted && (tags_are_ours(machine, gfp) || machine->config.vmalloc_init_always);
}

/* The tags and zeroes of kasan_unpoison_vmalloc() under hw_tags, set as one. */
static void hw_unpoison(struct cpu *cpu, struct vmalloc_area *area, bool init)
{
	struct machine *machine = cpu->machine;

	for (uint32_t i = 0; i < area->nr_pages; i++) {
		struct page *page = &machine->mem_map[area->pfns[i]];

		kasan_unpoison_pages(&machine->kasan, page, 0);
		if (init) {
			memset(machine_page_bytes(machine, page), 0, machine_page_size(machine));
			cpu->stats.integrated_pages++;
		}
	}
}

static int unpoison_and_init(struct cpu *cpu, struct vmalloc_area *area, gfp_t gfp, bool init)
{
	struct machine *machine = cpu->machine;

	area->tagged = kasan_unpoison_vmalloc(&machine->kasan, area->start, area->nbytes);
	if (tags_are_ours(machine, gfp) && machine->config.kasan_vmalloc) {
		hw_unpoison(cpu, area, init);
		return 0;
	}
	return init ? init_vmalloc(cpu, area->tagged, area->nbytes) : 0;
}

static int fill_area(struct cpu *cpu, struct vmalloc_area *area, uint32_t npages, gfp_t gfp, unsigned int flags)
{
	struct machine *machine = cpu->machine;
	bool init = init_is_ours(machine, gfp);
	gfp_t asked = gfp;
	int status;

	/* Blocks are split at once, which a compound one cannot be; nor do the others get past vmalloc_fix_flags(). */
	gfp &= ~(gfp_t)(__GFP_COMP | __GFP_SKIP_ZERO | __GFP_ZEROTAGS);
	if (tags_are_ours(machine, asked))
		gfp |= __GFP_SKIP_KASAN | __GFP_SKIP_ZERO;
	cpu->vmalloc_inits = init;
	if (flags & VMALLOC_ALLOW_HUGE)
		add_huge_pages(machine, area, npages, gfp);
	status = add_pages(machine, area, npages, MAX_PAGE_ORDER, gfp);
	cpu->vmalloc_inits = false;
	if (status)
		return status;
	status = vmap_area(cpu, area);
	if (status)
		return status;
	status = unpoison_and_init(cpu, area, asked, init);
	if (status) {
		struct clearfw_error error = cpu->error;

		vmap_undo(machine, area);
		cpu->error = error;
	}
	return status;
}

/* An area that is placed, with room for the numbers of NPAGES pages and none of them. */
static int new_area(struct cpu *cpu, size_t nbytes, uint32_t npages, unsigned int flags, struct vmalloc_area **ret)
{
	struct vmalloc_area *area = core_calloc(1, sizeof(*area));
	uint32_t *pfns = core_malloc(npages * sizeof(*pfns));
	size_t align = machine_page_size(cpu->machine);
	int status = 0;

	if (flags & VMALLOC_ALLOW_HUGE && npages >> huge_order(cpu->machine))
		align <<= huge_order(cpu->machine);
	if (!area || !pfns) {
		status = clearfw_fail(&cpu->error, CLEARFW_ESYS, "allocating a vmalloc area");
	} else {
		*area = (struct vmalloc_area){ .nbytes = nbytes, .nr_pages = npages, .pfns = pfns };
		status = place_area(cpu, area, align);
		area->nr_pages = 0;
	}
	if (status) {
		free(area);
		free(pfns);
		return status;
	}
	*ret = area;
	return 0;
}

static int delete_area(struct machine *machine, struct vmalloc_area *area)
{
	int status;

	unlink_area(&machine->vmalloc, area);
	status = free_area_pages(machine, area);
	free(area->pfns);
	free(area);
	return status;
}

static int vmalloc_locked(struct cpu *cpu, size_t nbytes, gfp_t gfp, unsigned int flags, struct vmalloc_area **ret)
{
	struct machine *machine = cpu->machine;
	struct vmalloc_area *area;
	uint32_t npages;
	int status;

	if (!nbytes || nbytes > machine->memory.nbytes) {
		clearfw_fail(&cpu->error, CLEARFW_EVMALLOC, "vmalloc of %zu bytes", nbytes);
		return -CLEARFW_EVMALLOC;
	}
	if (!machine->vmalloc.start && (status = reserve_area(machine, &cpu->error)))
		return status;
	npages = (uint32_t)((nbytes + machine_page_size(machine) - 1) >> machine->page_shift);
	status = new_area(cpu, nbytes, npages, flags, &area);
	if (status)
		return status;
	status = fill_area(cpu, area, npages, gfp, flags);
	if (status) {
		struct clearfw_error error = cpu->error;

		delete_area(machine, area);
		cpu->error = error;
		return status;
	}
	*ret = area;
	return 0;
}

int vmalloc(struct machine *machine, size_t nbytes, gfp_t gfp, unsigned int flags, struct vmalloc_area **area)
{
	struct cpu *cpu = this_cpu(machine);
	int status;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (cpu->in_init)
		return clearfw_fail(&cpu->error, CLEARFW_EIN_INIT, "vmalloc");
	if (machine->memory.backing == BACKING_HUGETLB)
		return clearfw_fail(&cpu->error, CLEARFW_EGRANULARITY, "vmalloc");
	pthread_mutex_lock(&machine->vmalloc.lock);
	status = vmalloc_locked(cpu, nbytes, gfp, flags, area);
	pthread_mutex_unlock(&machine->vmalloc.lock);
	return status;
}

/* What mmap() over a mapping fails for: it may need one more, for a moment. */
static int unmap_failed(struct cpu *cpu)
{
	clearfw_fail(&cpu->error, CLEARFW_EMAP_COUNT, "vfree");
	cpu->error.wanted = 1;
	return -CLEARFW_EMAP_COUNT;
}

int vfree(struct machine *machine, const void *addr)
{
	struct cpu *cpu = this_cpu(machine);
	struct vmalloc_area *area;
	int status;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (cpu->in_init)
		return clearfw_fail(&cpu->error, CLEARFW_EIN_INIT, "vfree");
	pthread_mutex_lock(&machine->vmalloc.lock);
	area = find_area(machine, addr);
	if (!area || area->start != (char *)kasan_untagged(addr)) {
		status = clearfw_fail(&cpu->error, CLEARFW_EVMALLOC, "vfree of %p", addr);
	} else if (!vunmap_area(machine, area)) {
		status = unmap_failed(cpu);
	} else {
		kasan_poison_vmalloc(&machine->kasan, area->start, vmap_span(machine, area));
		status = delete_area(machine, area);
	}
	pthread_mutex_unlock(&machine->vmalloc.lock);
	return status;
}

int vmalloc_reinit(struct machine *machine, struct vmalloc_area *area)
{
	struct cpu *cpu = this_cpu(machine);

	if (!cpu)
		return -CLEARFW_ESYS;
	return init_vmalloc(cpu, area->tagged, area->nbytes);
}

bool is_vmalloc_addr(const struct machine *machine, const void *addr)
{
	const char *at = kasan_untagged(addr);
	const struct vmalloc *vm = &machine->vmalloc;

	return vm->start && at >= vm->start && at < vm->start + vm->nbytes;
}

struct page *vmalloc_to_page(struct machine *machine, const void *addr)
{
	uint32_t pfn;

	if (!is_vmalloc_addr(machine, addr))
		return NULL;
	pfn = page_table_walk(&machine->vmalloc.table, kasan_untagged(addr));
	return pfn == UINT32_MAX ? NULL : &machine->mem_map[pfn];
}

unsigned int vmalloc_run(struct machine *machine, const void *addr, unsigned int max, struct page **first)
{
	const struct vmalloc_area *area = find_area(machine, addr);
	uint32_t index;

	if (!area || !max)
		return 0;
	index = (uint32_t)(((const char *)kasan_untagged(addr) - area->start) >> machine->page_shift);
	*first = &machine->mem_map[area->pfns[index]];
	return vmap_run_length(area, index, max);
}

void vmalloc_init(struct vmalloc *vm)
{
	*vm = (struct vmalloc){ 0 };
	pthread_mutex_init(&vm->lock, NULL);
}

void vmalloc_deinit(struct machine *machine)
{
	struct vmalloc *vm = &machine->vmalloc;

	pthread_mutex_destroy(&vm->lock);
	while (vm->areas) {
		struct vmalloc_area *area = vm->areas;

		vm->areas = area->next;
		free(area->pfns);
		free(area);
	}
	if (!vm->start)
		return;
	munmap(vm->start, vm->nbytes);
	page_table_deinit(&vm->table);
}

static const char *area_is_valid(struct machine *machine, const struct vmalloc_area *area)
{
	for (uint32_t i = 0; i < area->nr_pages; i++) {
		const char *at = area->start + ((size_t)i << machine->page_shift);

		if (!(machine->mem_map[area->pfns[i]].flags & PG_head))
			return "a vmalloc area holds a page that is not allocated";
		if (page_table_walk(&machine->vmalloc.table, at) != area->pfns[i])
			return "the page table and a vmalloc area disagree";
	}
	if (area->next && area->start + vmap_span(machine, area) >= area->next->start)
		return "vmalloc areas overlap, or lack a guard page";
	return NULL;
}

const char *vmalloc_is_valid(struct machine *machine)
{
	uint64_t mappings = 0;

	for (const struct vmalloc_area *area = machine->vmalloc.areas; area; area = area->next) {
		const char *wrong = area_is_valid(machine, area);

		if (wrong)
			return wrong;
		mappings += area->nr_runs;
	}
	return mappings == machine->vmalloc.nr_mappings ? NULL : "the count of vmalloc mappings is wrong";
}
