/* SPDX-License-Identifier: MIT */
/* A strategy that maps all pages of a block before it unmaps any: the 17th has no slot. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void map_all_first(struct page *page, int numpages)
{
	void *kaddr[32];

	for (int i = 0; i < numpages; i++) {
		kaddr[i] = kmap_local_page(page + i);
		clear_page(kaddr[i]);
	}
	while (numpages--)
		kunmap_local(kaddr[numpages]);
}

static const struct clearfw_strategy maps_all_first = { .name = "mine", .kernel_init_pages = map_all_first };

static void seventeen(enum clearfw_kmap kmap)
{
	struct clearfw_config config = small_config;
	struct machine *machine;
	struct cpu *cpu;
	struct page *page;

	config.highmem = 4 << 20;
	config.kmap = kmap;
	config.init_on_alloc = true;
	machine = boot_one(&config, &maps_all_first);
	cpu = this_cpu(machine);
	CHECK_REFUSED(machine, machine_alloc(machine, 5, GFP_HIGHUSER, &page), CLEARFW_EKMAP_FULL);
	CHECK(cpu->error.wanted == 32 && cpu->error.zone == ZONE_HIGHMEM && cpu->kmap.idx == 0);
	CHECK(machine_alloc(machine, 4, GFP_HIGHUSER, &page) == 0);
	CHECK(machine_free(machine, page, 4) == 0);
	/* Lowmem needs no slots. */
	CHECK(machine_alloc(machine, 5, GFP_KERNEL, &page) == 0);
	CHECK(machine_free(machine, page, 5) == 0);
	shut_down(machine);
}

int main(void)
{
	seventeen(KMAP_STRICT);
	seventeen(KMAP_PRICED);
	return 0;
}
