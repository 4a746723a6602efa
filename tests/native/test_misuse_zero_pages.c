/* SPDX-License-Identifier: MIT */
/* clear_pages() of 0 pages: nothing on x86, 2^32 pages where the generic one counts down, and so refused there. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "rig.h"

static void clear_rest_too(struct page *page, int numpages)
{
	char *addr = page_address(page);

	clear_pages(addr, (unsigned int)numpages & ~3u);
	clear_pages(addr + ((unsigned int)numpages & ~3u) * PAGE_SIZE, (unsigned int)numpages & 3);
}

static const struct clearfw_strategy rest_too = { .name = "rest_too", .kernel_init_pages = clear_rest_too };

int main(void)
{
	struct machine *machine = boot_one(&small_config, &rest_too);
	struct clearfw_stats stats;
	struct page *page;
	int status = machine_alloc(machine, 3, GFP_KERNEL | __GFP_ZERO, &page);

#ifdef __x86_64__
	CHECK(status == 0 && machine_free(machine, page, 3) == 0);
#else
	CHECK_REFUSED(machine, status, CLEARFW_EZERO_PAGES);
#endif
	machine_stats(machine, &stats);
	CHECK(stats.zero_clears == 1);
	shut_down(machine);
	return 0;
}
