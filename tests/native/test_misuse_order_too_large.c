/* SPDX-License-Identifier: MIT */
/* Orders that alloc_pages() and alloc_contig_pages() do not have, and blocks there is no room for. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "mm/page_contig.h"
#include "rig.h"

int main(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);
	struct cpu *cpu = this_cpu(machine);
	struct page *page;

	CHECK_REFUSED(machine, machine_alloc(machine, MAX_PAGE_ORDER + 1, GFP_KERNEL, &page), CLEARFW_EORDER);
	CHECK(cpu->error.wanted == MAX_PAGE_ORDER + 1);
	CHECK_REFUSED(machine, machine_alloc_contig(machine, MAX_PAGE_ORDER, GFP_KERNEL, &page), CLEARFW_EORDER);
	CHECK_REFUSED(machine, machine_alloc_contig(machine, MAX_CONTIG_ORDER + 1, GFP_KERNEL, &page), CLEARFW_EORDER);
	CHECK(cpu->error.wanted == MAX_CONTIG_ORDER + 1);

	CHECK_REFUSED(machine, machine_alloc_contig(machine, 12, GFP_KERNEL, &page), CLEARFW_ENOMEM);
	CHECK(cpu->error.wanted == 1 << 12 && cpu->error.found == machine->nr_pages);
	shut_down(machine);
	return 0;
}
