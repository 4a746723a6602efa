/* SPDX-License-Identifier: MIT */
#include "check/garbage.h"

#include "mm/machine.h"

__thread struct garbage_asked garbage_asked;

static void dirty(const struct machine *machine, const struct page *page, size_t npages)
{
	machine_fill(machine, page->pfn, npages, GARBAGE_BYTE);
}

static bool dirty_pages(struct page *page, int npages)
{
	garbage_asked = (struct garbage_asked){ page, (unsigned long)npages };
	dirty(current_cpu.cpu->machine, page, (size_t)npages);
	return false;
}

static bool dirty_area(const void *start, unsigned long nbytes)
{
	struct machine *machine = current_cpu.cpu->machine;

	garbage_asked = (struct garbage_asked){ NULL, nbytes };
	for (const char *at = start; at < (const char *)start + nbytes; at += machine_page_size(machine))
		dirty(machine, vmalloc_to_page(machine, at), 1);
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
