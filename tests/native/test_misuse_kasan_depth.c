/* SPDX-License-Identifier: MIT */
/* A strategy that disables KASAN and does not enable it again: found out, and put right for the next. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void disable_only(struct page *page, int numpages)
{
	kasan_disable_current();
	clear_each(page, numpages);
}

static const struct clearfw_strategy disables_only = { .name = "mine", .kernel_init_pages = disable_only };

int main(void)
{
	struct clearfw_config config = small_config;
	struct machine *machine;
	struct page *page;

	config.kasan = KASAN_GENERIC;
	machine = boot_one(&config, &disables_only);
	CHECK_REFUSED(machine, machine_alloc(machine, 2, GFP_KERNEL | __GFP_ZERO, &page), CLEARFW_EKASAN_DEPTH);
	CHECK(this_cpu(machine)->error.wanted == 4 && this_cpu(machine)->kasan_depth == 0);
	CHECK(machine_alloc(machine, 2, GFP_KERNEL, &page) == 0);
	CHECK(machine_free(machine, page, 2) == 0);
	shut_down(machine);
	return 0;
}
