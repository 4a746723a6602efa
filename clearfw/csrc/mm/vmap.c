/* SPDX-License-Identifier: MIT */

#include "mm/vmap.h"

#include "base/fault_inject.h"
#include "mm/window.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

/* Asking the kernel how many mappings the process has takes milliseconds: only above this many of ours. */
#define MAPPINGS_BEFORE_COUNTING 16384
/* Of vm.max_map_count, for the rest of the process. */
#define MAPPINGS_RESERVED 1024

uint64_t vmap_max_mappings(void)
{
	unsigned long long count = 65530; /* DEFAULT_MAX_MAP_COUNT */
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");

	if (file) {
		if (fscanf(file, "%llu", &count) != 1)
			count = 65530;
		fclose(file);
	}
	return count;
}

static uint64_t count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	uint64_t lines = 0;
	int c;

	if (!file)
		return 0;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static void count_runs(struct vmalloc_area *area)
{
	area->nr_runs = 0;
	for (uint32_t i = 0; i < area->nr_pages; i++)
		area->nr_runs += !i || area->pfns[i] != area->pfns[i - 1] + 1;
}

uint32_t vmap_run_length(const struct vmalloc_area *area, uint32_t first, uint32_t max)
{
	uint32_t n = 1;

	while (n < max && first + n < area->nr_pages && area->pfns[first + n] == area->pfns[first] + n)
		n++;
	return n;
}

/* Said before the kernel says ENOMEM half-way through. */
static int check_map_count(struct cpu *cpu, const struct vmalloc *vm, const struct vmalloc_area *area)
{
	/* One for each run, and what is left of the reservation on either side. */
	uint64_t need = area->nr_runs + 2ull, used;

	if (vm->nr_mappings + need < MAPPINGS_BEFORE_COUNTING)
		return 0;
	used = count_mappings() + MAPPINGS_RESERVED;
	if (used + need <= vm->max_mappings)
		return 0;
	clearfw_fail(&cpu->error, CLEARFW_EMAP_COUNT, "vmalloc");
	cpu->error.wanted = need;
	cpu->error.found = vm->max_mappings > used ? vm->max_mappings - used : 0;
	return -CLEARFW_EMAP_COUNT;
}

static bool cover(const struct machine *machine, const struct vmalloc_area *area)
{
	return core_mmap(area->start, vmap_span(machine, area), PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void forget(struct machine *machine, const struct vmalloc_area *area)
{
	page_table_unmap(&machine->vmalloc.table, area->start, vmap_span(machine, area));
	machine->vmalloc.nr_mappings -= area->nr_runs;
}

static void leave_window(const struct machine *machine, const struct vmalloc_area *area)
{
	if (machine->memory.window)
		window_unmap(machine->memory.window, area->start, vmap_span(machine, area));
}

bool vunmap_area(struct machine *machine, struct vmalloc_area *area)
{
	leave_window(machine, area);
	if (!cover(machine, area))
		return false;
	forget(machine, area);
	return true;
}

void vmap_undo(struct machine *machine, const struct vmalloc_area *area)
{
	leave_window(machine, area);
	cover(machine, area);
	forget(machine, area);
}

static bool map_memory(const struct machine *machine, char *at, uint32_t pfn, uint32_t npages)
{
	size_t offset = (size_t)pfn << machine->page_shift, nbytes = (size_t)npages << machine->page_shift;

	if (!machine->memory.window)
		return core_mmap(at, nbytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, machine->memory.fd,
				 (off_t)offset) != MAP_FAILED;
	window_map(machine->memory.window, at, offset - machine->memory.start, nbytes);
	return true;
}

static bool map_run(struct machine *machine, const struct vmalloc_area *area, uint32_t first, uint32_t npages)
{
	struct page_table *table = &machine->vmalloc.table;
	unsigned int shift = machine->page_shift;
	char *at = area->start + ((size_t)first << shift);

	if (!map_memory(machine, at, area->pfns[first], npages))
		return false;
	for (uint32_t i = 0; i < npages;) {
		bool huge = first + i < area->huge_pages;

		if (!page_table_map(table, at + ((size_t)i << shift), area->pfns[first + i], huge))
			return false;
		i += huge ? page_table_huge_pages(table) : 1;
	}
	return true;
}

int vmap_area(struct cpu *cpu, struct vmalloc_area *area)
{
	struct machine *machine = cpu->machine;
	int status;

	if (machine->memory.window && (size_t)area->huge_pages << machine->page_shift != vmap_span(machine, area))
		return clearfw_fail(&cpu->error, CLEARFW_EVMALLOC,
				    "a window maps areas of whole huge pages: ask for 2 MiB or a multiple, and huge");
	count_runs(area);
	status = check_map_count(cpu, &machine->vmalloc, area);
	if (status)
		return status;
	machine->vmalloc.nr_mappings += area->nr_runs;
	for (uint32_t first = 0; first < area->nr_pages;) {
		uint32_t n = vmap_run_length(area, first, area->nr_pages);

		if (!map_run(machine, area, first, n)) {
			int sys_errno = errno;

			vmap_undo(machine, area);
			errno = sys_errno;
			return clearfw_fail(&cpu->error, CLEARFW_ESYS, "mapping a vmalloc area");
		}
		first += n;
	}
	return 0;
}
