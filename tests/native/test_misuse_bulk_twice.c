/* SPDX-License-Identifier: MIT */
/* A list to free that has a page twice, or one that is free: nothing of it is freed. */
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "rig.h"

static void refuse(struct machine *machine, struct page **pages, struct page *second)
{
	struct page *list[] = { pages[0], pages[1], second, pages[2], pages[3] };
	struct cpu *cpu = this_cpu(machine);
	uint64_t nr_free = machine_nr_free(machine);

	CHECK_REFUSED(machine, machine_free_bulk(machine, list, 5), CLEARFW_EDOUBLE_FREE);
	CHECK(cpu->error.pfn == second->pfn && cpu->error.wanted == 0);
	CHECK(machine_nr_free(machine) == nr_free && machine_is_valid(machine) == NULL);
}

static void bulk_twice(bool init_on_free)
{
	struct clearfw_config config = small_config;
	struct page *pages[4], *gone;
	struct machine *machine;

	config.init_on_free = init_on_free;
	machine = boot_one(&config, &claims_all);
	CHECK(machine_alloc_bulk(machine, GFP_KERNEL, pages, 4) == 0);
	CHECK(machine_alloc(machine, 0, GFP_KERNEL, &gone) == 0);
	CHECK(machine_free(machine, gone, 0) == 0);
	refuse(machine, pages, pages[0]);
	refuse(machine, pages, pages[1]);
	refuse(machine, pages, gone);
	CHECK(machine_free_bulk(machine, pages, 4) == 0);
	shut_down(machine);
}

int main(void)
{
	bulk_twice(false);
	bulk_twice(true);
	return 0;
}
