/* SPDX-License-Identifier: MIT */
#include "mm/contents.h"

#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/window.h"
#include "mm/window_units.h"
#include "primitives/primitive.h"

#include <string.h>

static size_t offset_of(const struct machine *machine, uint32_t pfn)
{
	return (size_t)(pfn - machine->first_pfn) << machine->page_shift;
}

/* A window keeps some bytes without a look at memory; all others go through it as a strategy's do. */
static struct window *keeper(const struct machine *machine, uint8_t byte)
{
	return window_units_know(byte) ? machine->memory.window : NULL;
}

/* How many of NPAGES from PFN on lie side by side in the core's view: HIGHMEM's is not behind lowmem's. */
static size_t same_zone(const struct machine *machine, uint32_t pfn, size_t npages)
{
	size_t lowmem = machine->memory.lowmem >> machine->page_shift;

	return pfn < lowmem && npages > lowmem - pfn ? lowmem - pfn : npages;
}

void machine_fill(struct machine *machine, uint32_t pfn, size_t npages, uint8_t byte)
{
	struct window *window = keeper(machine, byte);

	if (window) {
		window_fill(window, offset_of(machine, pfn), npages << machine->page_shift, byte);
		return;
	}
	for (size_t n; npages; pfn += (uint32_t)n, npages -= n) {
		n = same_zone(machine, pfn, npages);
		memset(machine_page_bytes(machine, machine->mem_map + pfn), byte, n << machine->page_shift);
	}
}

static void say_where(const struct machine *machine, uint32_t pfn, size_t where, uint8_t byte, struct byte_found *found)
{
	*found = (struct byte_found){
		.pfn = pfn + (uint32_t)(where >> machine->page_shift),
		.offset = (uint32_t)(where & (machine_page_size(machine) - 1)),
		.byte = byte,
	};
}

static bool first_not_in_window(const struct machine *machine, struct window *window, uint32_t pfn, size_t npages,
				uint8_t byte, struct byte_found *found)
{
	size_t where;
	uint8_t is;

	if (window_is_filled(window, offset_of(machine, pfn), npages << machine->page_shift, byte, &where, &is))
		return false;
	say_where(machine, machine->first_pfn, where, is, found);
	return true;
}

bool machine_first_not(struct machine *machine, uint32_t pfn, size_t npages, uint8_t byte, struct byte_found *found)
{
	struct window *window = keeper(machine, byte);
	size_t where;

	if (window)
		return first_not_in_window(machine, window, pfn, npages, byte, found);
	for (size_t n; npages; pfn += (uint32_t)n, npages -= n) {
		const uint8_t *bytes = machine_page_bytes(machine, machine->mem_map + pfn);

		n = same_zone(machine, pfn, npages);
		if (!primitive_is_filled(bytes, n << machine->page_shift, byte, &where)) {
			say_where(machine, pfn, where, bytes[where], found);
			return true;
		}
	}
	return false;
}

int machine_lost_sight(struct machine *machine)
{
	struct cpu *cpu;

	if (!machine->memory.window || !window_is_lost(machine->memory.window))
		return 0;
	cpu = this_cpu(machine);
	return cpu ? clearfw_fail(&cpu->error, CLEARFW_EWINDOW, "window") : -CLEARFW_ESYS;
}
