/* SPDX-License-Identifier: MIT */
/* vmalloc of nothing or too much, vfree of what is no area, vmalloc where no single page can be mapped. */
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "rig.h"

static void test_sizes(struct machine *machine)
{
	struct vmalloc_area *area;

	CHECK_REFUSED(machine, vmalloc(machine, 0, GFP_KERNEL, 0, &area), CLEARFW_EVMALLOC);
	CHECK_REFUSED(machine, vmalloc(machine, (8 << 20) + 1, GFP_KERNEL, 0, &area), CLEARFW_EVMALLOC);
	CHECK_REFUSED(machine, vmalloc(machine, SIZE_MAX, GFP_KERNEL, 0, &area), CLEARFW_EVMALLOC);
}

static void test_vfree(struct machine *machine)
{
	struct vmalloc_area *area;
	char *start;

	CHECK(vmalloc(machine, 5 * 4096, GFP_KERNEL, 0, &area) == 0);
	start = area->tagged;
	CHECK_REFUSED(machine, vfree(machine, start + 4096), CLEARFW_EVMALLOC);
	CHECK_REFUSED(machine, vfree(machine, machine->memory.direct), CLEARFW_EVMALLOC);
	CHECK_REFUSED(machine, vfree(machine, NULL), CLEARFW_EVMALLOC);
	CHECK(vfree(machine, start) == 0);
	CHECK_REFUSED(machine, vfree(machine, start), CLEARFW_EVMALLOC);
}

static void test_too_many_mappings(struct machine *machine)
{
	struct vmalloc_area *area;

	CHECK(vmalloc(machine, 4096, GFP_KERNEL, 0, &area) == 0);
	CHECK(vfree(machine, area->tagged) == 0);
	/* As if this process had made all the mappings that vm.max_map_count allows. */
	machine->vmalloc.nr_mappings = 1 << 20;
	machine->vmalloc.max_mappings = 1;
	CHECK_REFUSED(machine, vmalloc(machine, 4096, GFP_KERNEL, 0, &area), CLEARFW_EMAP_COUNT);
	CHECK(this_cpu(machine)->error.wanted == 1 + 2 && this_cpu(machine)->error.found == 0);
	machine->vmalloc.nr_mappings = 0;
}

/* Few hosts have huge pages reserved: what counts is what the machine believes to have. */
static void test_hugetlb_backing(struct machine *machine)
{
	struct vmalloc_area *area;

	machine->memory.backing = BACKING_HUGETLB;
	CHECK_REFUSED(machine, vmalloc(machine, 4096, GFP_KERNEL, 0, &area), CLEARFW_EGRANULARITY);
	machine->memory.backing = BACKING_BASE;
}

static void test_hugetlb_highmem(void)
{
	struct clearfw_config config = small_config;
	struct clearfw_error error;

	config.backing = BACKING_HUGETLB;
	config.highmem = 4 << 20;
	CHECK(machine_create(&config, &error) == NULL && error.code == CLEARFW_EBACKING);
}

int main(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);

	test_sizes(machine);
	test_vfree(machine);
	test_too_many_mappings(machine);
	test_hugetlb_backing(machine);
	test_hugetlb_highmem();
	shut_down(machine);
	return 0;
}
