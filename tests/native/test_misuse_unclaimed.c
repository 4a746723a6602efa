/* SPDX-License-Identifier: MIT */
/* A stack that passes everything on: dirty memory reaches no caller, and a free that fails did not happen. */
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "rig.h"

static bool pass_on(struct page *page, int numpages)
{
	(void)page;
	(void)numpages;
	return false;
}

static bool pass_area_on(const void *start, unsigned long size)
{
	(void)start;
	(void)size;
	return false;
}

static const struct clearfw_strategy passes_on = {
	.name = "mine",
	.init_on_alloc = pass_on,
	.init_on_free = pass_on,
	.init_on_vmalloc = pass_area_on,
};

static struct machine *boot_with(bool init_on_free, const struct clearfw_strategy *strategy)
{
	struct clearfw_config config = small_config;

	config.init_on_free = init_on_free;
	config.vmalloc_init_always = true;
	return boot_one(&config, strategy);
}

static void test_alloc(int strategies)
{
	struct machine *machine = boot_with(false, &passes_on);
	const struct clearfw_strategy *chain = &passes_on;
	struct cpu *cpu = this_cpu(machine);
	struct page *page = NULL, *pages[8];
	struct vmalloc_area *area;

	CHECK(init_point_bind(machine, INIT_ALLOC, &chain, strategies) == 0);
	CHECK_REFUSED(machine, machine_alloc(machine, 4, GFP_KERNEL | __GFP_ZERO, &page), CLEARFW_EUNCLAIMED);
	CHECK(!page && cpu->error.wanted == 16 && cpu->error.zone == ZONE_NORMAL);
	CHECK(machine->mem_map[cpu->error.pfn].flags & (PG_buddy | PG_pcp));
	CHECK_REFUSED(machine, machine_alloc_bulk(machine, GFP_KERNEL | __GFP_ZERO, pages, 8), CLEARFW_EUNCLAIMED);
	CHECK(cpu->error.wanted == 1);
	CHECK_REFUSED(machine, vmalloc(machine, 100000, GFP_KERNEL | __GFP_ZERO, 0, &area), CLEARFW_EUNCLAIMED);
	CHECK(cpu->error.wanted == 100000);
	shut_down(machine);
}

static void test_free(void)
{
	const struct clearfw_strategy *chain = &claims_all;
	struct machine *machine = boot_with(true, &passes_on);
	struct page *page, *pages[8];

	CHECK(machine_alloc(machine, 4, GFP_KERNEL, &page) == 0);
	CHECK(machine_alloc_bulk(machine, GFP_KERNEL, pages, 8) == 0);
	CHECK_REFUSED(machine, machine_free(machine, page, 4), CLEARFW_EUNCLAIMED);
	CHECK(this_cpu(machine)->error.pfn == page->pfn && this_cpu(machine)->error.wanted == 16);
	CHECK_REFUSED(machine, machine_free_bulk(machine, pages, 8), CLEARFW_EUNCLAIMED);
	CHECK(machine_is_valid(machine) == NULL && machine_nr_free(machine) == machine->nr_pages - 24);

	CHECK(init_point_bind(machine, INIT_FREE, &chain, 1) == 0);
	CHECK(machine_free(machine, page, 4) == 0);
	CHECK(machine_free_bulk(machine, pages, 8) == 0);
	shut_down(machine);
}

int main(void)
{
	test_alloc(1);
	test_alloc(0);
	test_free();
	return 0;
}
