/* SPDX-License-Identifier: MIT */

#include "check/witness.h"

#include "mm/contents.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <limits.h>

static struct witness seen;

static void see(struct machine *machine, const struct page *page, uint64_t npages)
{
	struct byte_found found;

	if (machine_first_not(machine, page->pfn, npages, GARBAGE_BYTE, &found) && !seen.touched++)
		seen.pfn = found.pfn;
	machine_fill(machine, page->pfn, npages, 0);
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
	struct page *page;
	size_t npages;

	seen.asked++;
	for (const char *at = start; at < (const char *)start + nbytes; at += npages << machine->page_shift) {
		npages = vmalloc_run(machine, at, UINT_MAX, &page);
		see(machine, page, npages);
	}
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
