/* SPDX-License-Identifier: MIT */

#include "check/garbage.h"

#include "mm/contents.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <limits.h>

__thread struct garbage_asked garbage_asked;

static bool dirty_pages(struct page *page, int npages)
{
	garbage_asked = (struct garbage_asked){ page, (unsigned long)npages };
	machine_fill(current_cpu.cpu->machine, page->pfn, (size_t)npages, GARBAGE_BYTE);
	return false;
}

static bool dirty_area(const void *start, unsigned long nbytes)
{
	struct machine *machine = current_cpu.cpu->machine;
	struct page *page;
	size_t npages;

	garbage_asked = (struct garbage_asked){ NULL, nbytes };
	for (const char *at = start; at < (const char *)start + nbytes; at += npages << machine->page_shift) {
		npages = vmalloc_run(machine, at, UINT_MAX, &page);
		machine_fill(machine, page->pfn, npages, GARBAGE_BYTE);
	}
	return false;
}

/* It reads no table of functions: the loader's pointer has nowhere to go. */
static const struct clearfw_core *unused;

const struct clearfw_strategy garbage_strategy = {
	.abi = CLEARFW_ABI,
	.size = sizeof(struct clearfw_strategy),
	.name = "garbage",
	.core = &unused,
	.init_on_alloc = dirty_pages,
	.init_on_free = dirty_pages,
	.init_on_vmalloc = dirty_area,
};
