/* SPDX-License-Identifier: MIT */
/* Free of what is no block, or not all of one: a tail page, half a block, twice a block. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void refuse(struct machine *machine, struct page *page, unsigned int order)
{
	struct cpu *cpu = this_cpu(machine);

	CHECK_REFUSED(machine, machine_free(machine, page, order), CLEARFW_EFOREIGN);
	CHECK(cpu->error.pfn == page->pfn && cpu->error.wanted == order && cpu->error.found == page->order);
}

static void misfree(struct machine *machine, unsigned int order, gfp_t gfp)
{
	bool contig = order > MAX_PAGE_ORDER;
	struct page *page;

	CHECK((contig ? machine_alloc_contig : machine_alloc)(machine, order, gfp, &page) == 0);
	refuse(machine, page, order - 1);
	refuse(machine, page, order + 1);
	refuse(machine, page + 1, 0);
	refuse(machine, page + (1u << order) - 1, 0);
	refuse(machine, page + (1u << (order - 1)), order - 1);
	CHECK(machine_free(machine, page, order) == 0);
}

int main(void)
{
	struct clearfw_config config = small_config;
	struct machine *machine;

	config.memory = 32 << 20;
	machine = boot_one(&config, &claims_all);
	misfree(machine, 2, GFP_KERNEL);
	misfree(machine, 6, GFP_KERNEL | __GFP_COMP);
	misfree(machine, MAX_PAGE_ORDER + 2, GFP_KERNEL);
	shut_down(machine);
	return 0;
}
