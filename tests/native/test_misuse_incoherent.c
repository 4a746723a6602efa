/* SPDX-License-Identifier: MIT */
/* A strategy that leaves its stores on their way: refused where the primitive's stores need a fence. */
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "primitives/primitive.h"
#include "rig.h"

static int fences;

static void zero(void *addr, size_t nbytes)
{
	primitive_by_name("kernel")->zero(addr, nbytes);
}

static void fence(void)
{
	fences++;
}

/* As non-temporal primitives are, on any CPU. */
static const struct clearfw_primitive fenced = { .name = "fenced", .zero = zero, .fence = fence };

static void leave_incoherent(struct page *page, int numpages)
{
	clear_pages_incoherent(page_address(page), (unsigned int)numpages);
}

static void make_coherent(struct page *page, int numpages)
{
	leave_incoherent(page, numpages);
	clear_page_make_coherent();
}

static int alloc_with(struct machine *machine, void (*init)(struct page *page, int numpages))
{
	const struct clearfw_strategy strategy = { .name = "mine", .kernel_init_pages = init };
	const struct clearfw_strategy *chain = &strategy;
	struct page *page;
	int status;

	CHECK(init_point_bind(machine, INIT_ALLOC, &chain, 1) == 0);
	status = machine_alloc(machine, 3, GFP_KERNEL | __GFP_ZERO, &page);
	if (!status)
		CHECK(machine_free(machine, page, 3) == 0);
	return status;
}

/* Incoherent clears through 17 kmap slots, and then the fence, which excuses no other mistake. */
static void map_too_many(struct page *page, int numpages)
{
	void *kaddr[KM_MAX_IDX + 1];

	(void)numpages;
	for (int i = 0; i <= KM_MAX_IDX; i++) {
		kaddr[i] = kmap_local_page(page + i);
		if (i < KM_MAX_IDX)
			clear_pages_incoherent(kaddr[i], 1);
	}
	for (int i = KM_MAX_IDX; i--;)
		kunmap_local(kaddr[i]);
	clear_page_make_coherent();
}

static void a_fence_erases_no_other_mistake(void)
{
	static const struct clearfw_strategy strategy = { .name = "mine", .kernel_init_pages = map_too_many };
	struct clearfw_config config = small_config;
	struct machine *machine;
	struct page *page;

	config.highmem = 4 << 20;
	config.kmap = KMAP_STRICT;
	config.init_on_alloc = true;
	machine = boot_one(&config, &strategy);
	machine_set_primitive(machine, &fenced);
	CHECK_REFUSED(machine, machine_alloc(machine, 5, GFP_HIGHUSER, &page), CLEARFW_EKMAP_FULL);
	shut_down(machine);
}

int main(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);

	/* "kernel" is cached stores everywhere: there is nothing to wait for. */
	CHECK(alloc_with(machine, leave_incoherent) == 0);
	machine_set_primitive(machine, &fenced);
	CHECK_REFUSED(machine, alloc_with(machine, leave_incoherent), CLEARFW_EINCOHERENT);
	CHECK(this_cpu(machine)->error.wanted == 8 && fences == 0);
	CHECK(alloc_with(machine, make_coherent) == 0 && fences == 1);
	CHECK(alloc_with(machine, clear_each) == 0 && fences == 1 + 8);
	shut_down(machine);
	a_fence_erases_no_other_mistake();
	return 0;
}
