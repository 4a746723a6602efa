/* SPDX-License-Identifier: MIT */

#include "mm/page_poison.h"

#include "primitives/primitive.h"

#include <string.h>

void page_poison_boot(struct machine *machine)
{
	struct memory *memory = &machine->memory;

	memset(memory->direct + memory->start, PAGE_POISON, memory->lowmem - memory->start);
	if (memory->nbytes > memory->lowmem)
		memset(memory->highmem, PAGE_POISON, memory->nbytes - memory->lowmem);
}

void kernel_poison_pages(struct cpu *cpu, struct page *page, uint32_t npages)
{
	machine_event(cpu->machine, EVENT_KERNEL_POISON_PAGES);
	memset(machine_page_bytes(cpu->machine, page), PAGE_POISON, (size_t)npages << cpu->machine->page_shift);
}

void kernel_unpoison_pages(struct cpu *cpu, const struct page *page, uint32_t npages)
{
	machine_event(cpu->machine, EVENT_KERNEL_UNPOISON_PAGES);
	for (uint32_t i = 0; i < npages; i++) {
		size_t where;

		if (!primitive_is_filled(machine_page_bytes(cpu->machine, page + i), machine_page_size(cpu->machine),
					 PAGE_POISON, &where))
			cpu->stats.poison_reports++;
	}
}
