/* SPDX-License-Identifier: MIT */
/* A strategy that allocates and frees inside the init point: each call is refused, and nothing changes. */
#include "mm/gfp.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "mm/page_contig.h"
#include "rig.h"

static struct machine *machine;
static struct page *kept;
static struct vmalloc_area *area;

static void allocate_and_free(struct page *page, int numpages)
{
	struct page *another;

	CHECK_REFUSED(machine, machine_alloc(machine, 0, GFP_KERNEL, &another), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, machine_alloc_bulk(machine, GFP_KERNEL, &another, 1), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, machine_alloc_contig(machine, 11, GFP_KERNEL, &another), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, vmalloc(machine, 1, GFP_KERNEL, 0, &area), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, vfree(machine, area->tagged), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, machine_free(machine, kept, 0), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, machine_free_bulk(machine, &kept, 1), CLEARFW_EIN_INIT);
	CHECK_REFUSED(machine, machine_free(machine, page, 3), CLEARFW_EIN_INIT);
	clear_each(page, numpages);
}

static const struct clearfw_strategy allocates = { .name = "mine", .kernel_init_pages = allocate_and_free };

int main(void)
{
	struct page *page;

	machine = boot_one(&small_config, &allocates);
	CHECK(machine_alloc(machine, 0, GFP_KERNEL, &kept) == 0);
	CHECK(vmalloc(machine, 1, GFP_KERNEL, 0, &area) == 0);
	CHECK(machine_alloc(machine, 3, GFP_KERNEL | __GFP_ZERO, &page) == 0);
	CHECK(machine_nr_free(machine) == machine->nr_pages - 10);
	CHECK(machine_free(machine, page, 3) == 0);
	CHECK(vfree(machine, area->tagged) == 0);
	CHECK(machine_free(machine, kept, 0) == 0);
	shut_down(machine);
	return 0;
}
