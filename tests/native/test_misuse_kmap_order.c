/* SPDX-License-Identifier: MIT */
/* Strategies that unmap the older of two mappings first, unmap what is not mapped, or leave a page mapped. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void unmap_oldest(struct page *page, int numpages)
{
	void *first = kmap_local_page(page), *second = kmap_local_page(page + 1);

	clear_pages(first, 1);
	clear_pages(second, 1);
	kunmap_local(first);
	kunmap_local(second);
	kunmap_local(first);
	(void)numpages;
}

static void unmap_twice(struct page *page, int numpages)
{
	void *kaddr = kmap_local_page(page);

	kunmap_local(kaddr);
	kunmap_local(kaddr);
	(void)numpages;
}

static void keep_mapped(struct page *page, int numpages)
{
	clear_page(kmap_local_page(page));
	(void)numpages;
}

static void refuse(struct machine *machine, void (*init)(struct page *page, int numpages), int code)
{
	const struct clearfw_strategy strategy = { .name = "mine", .kernel_init_pages = init };
	const struct clearfw_strategy *chain = &strategy;
	struct cpu *cpu = this_cpu(machine);
	struct page *page;

	CHECK(init_point_bind(machine, INIT_ALLOC, &chain, 1) == 0);
	CHECK_REFUSED(machine, machine_alloc(machine, 1, GFP_HIGHUSER, &page), code);
	CHECK(cpu->error.wanted == 2 && cpu->error.zone == ZONE_HIGHMEM && cpu->kmap.idx == 0);
}

int main(void)
{
	struct clearfw_config config = small_config;
	struct machine *machine;

	config.highmem = 4 << 20;
	config.init_on_alloc = true;
	machine = boot_one(&config, &claims_all);
	refuse(machine, unmap_oldest, CLEARFW_EKMAP_ORDER);
	refuse(machine, unmap_twice, CLEARFW_EKMAP_ORDER);
	refuse(machine, keep_mapped, CLEARFW_EKMAP_LEAK);
	shut_down(machine);
	return 0;
}
