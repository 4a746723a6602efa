/* SPDX-License-Identifier: MIT */

#include "check/witness.h"

#include "check/garbage.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <string.h>

static struct witness seen;

static void see(struct machine *machine, const struct page *page, uint64_t npages)
{
	size_t nbytes = (size_t)npages << machine->page_shift, where;
	void *bytes = machine_page_bytes(machine, page);

	if (!primitive_is_filled(bytes, nbytes, GARBAGE_BYTE, &where) && !seen.touched++)
		seen.pfn = page->pfn + (where >> machine->page_shift);
	memset(bytes, 0, nbytes);
	__atomic_fetch_add(&seen.npages, npages, __ATOMIC_RELAXED);
}

static bool see_pages(struct page *page, int npages)
{
	seen.asked++;
	see(current_cpu.cpu->machine, page, (uint64_t)npages);
	return true;
}

static bool see_area(const void *start, unsigned long nbytes)
{
	struct machine *machine = current_cpu.cpu->machine;

	seen.asked++;
	for (const char *at = start; at < (const char *)start + nbytes; at += machine_page_size(machine))
		see(machine, vmalloc_to_page(machine, at), 1);
	return true;
}

void witness_take(struct witness *witness)
{
	*witness = seen;
	seen = (struct witness){ 0 };
}

/* It reads no table of functions: the loader's pointer has nowhere to go. */
static const struct clearfw_core *unused;

const struct clearfw_strategy witness_strategy = {
	.abi = CLEARFW_ABI,
	.size = sizeof(struct clearfw_strategy),
	.name = "witness",
	.core = &unused,
	.init_on_alloc = see_pages,
	.init_on_free = see_pages,
	.init_on_vmalloc = see_area,
};
