/* SPDX-License-Identifier: MIT */
/* A block freed twice: it lies on a per-CPU list (order 3), in the buddy (5), or in a larger free block. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void free_twice(struct machine *machine, unsigned int order)
{
	struct cpu *cpu = this_cpu(machine);
	struct page *page;

	CHECK(machine_alloc(machine, order, GFP_KERNEL, &page) == 0);
	CHECK(machine_free(machine, page, order) == 0);
	CHECK_REFUSED(machine, machine_free(machine, page, order), CLEARFW_EDOUBLE_FREE);
	CHECK(cpu->error.pfn == page->pfn && cpu->error.wanted == order && cpu->error.zone == ZONE_NORMAL);
	machine_drain(machine);
	CHECK_REFUSED(machine, machine_free(machine, page, order), CLEARFW_EDOUBLE_FREE);
	CHECK_REFUSED(machine, machine_free(machine, page + 1, 0), CLEARFW_EDOUBLE_FREE);
}

int main(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);

	free_twice(machine, 3);
	free_twice(machine, 5);
	free_twice(machine, MAX_PAGE_ORDER);
	shut_down(machine);
	return 0;
}
