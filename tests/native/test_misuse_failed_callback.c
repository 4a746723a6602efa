/* SPDX-License-Identifier: MIT */
/* A callback that fails, as one does that raised an exception in Python. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/page_alloc.h"
#include "rig.h"

static int fail(void *context, enum init_point point, const void *what, unsigned long n)
{
	(void)what;
	*(unsigned long *)context += n;
	return point == INIT_ALLOC ? -1 : 0;
}

int main(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);
	unsigned long asked = 0;
	struct page *page;

	CHECK(init_point_bind_callback(machine, INIT_ALLOC, fail, &asked) == 0);
	CHECK_REFUSED(machine, machine_alloc(machine, 3, GFP_KERNEL | __GFP_ZERO, &page), CLEARFW_ESTRATEGY);
	CHECK(asked == 8 && this_cpu(machine)->error.wanted == 8);
	CHECK(machine_alloc(machine, 3, GFP_KERNEL, &page) == 0);
	CHECK(machine_free(machine, page, 3) == 0);
	shut_down(machine);
	return 0;
}
