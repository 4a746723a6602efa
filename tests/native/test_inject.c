/* SPDX-License-Identifier: MIT */
/*
 * Every request to the host refused in turn, on a machine of its own each time: LeakSanitizer tells of what the
 * error paths forget, and the machine is as whole and as free as it was.
 */
#include "base/fault_inject.h"
#include "bench/arena.h"
#include "bench/churn.h"
#include "bench/pass.h"
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/hugetlb.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "rig.h"

#undef memset

static const struct clearfw_strategy *const chain[] = { &claims_all };

typedef int (*scenario)(struct machine *machine);

/* 0, or the first failure; what was taken is given back either way. */
static int use_areas(struct machine *machine)
{
	struct vmalloc_area *area;
	int status, freed;

	for (unsigned int flags = 0; flags <= VMALLOC_ALLOW_HUGE; flags++) {
		status = vmalloc(machine, 40000, GFP_KERNEL | __GFP_HIGHMEM | __GFP_ZERO, flags, &area);
		if (status)
			return status;
		freed = vfree(machine, area->tagged);
		if (freed) {
			CHECK(vfree(machine, area->tagged) == 0);
			return freed;
		}
	}
	return 0;
}

static int use_pages(struct machine *machine)
{
	struct page *page;
	int status = machine_alloc(machine, 3, GFP_HIGHUSER | __GFP_ZERO, &page), freed;

	if (status)
		return status;
	freed = machine_free(machine, page, 3);
	if (freed)
		CHECK(machine_free(machine, page, 3) == 0);
	return freed;
}

static int use_arena(struct machine *machine)
{
	struct arena_pass pass = { .gfp = GFP_KERNEL | __GFP_ZERO, .threads = 3, .verify = true };
	struct clearfw_error error;
	struct arena_times times;
	struct arena arena;
	int status = arena_init(&arena, machine, 4 << 20, &error);

	if (status)
		return status;
	status = arena_run(&arena, 0, &pass, &times);
	arena_deinit(&arena);
	return status;
}

static int use_churn(struct machine *machine)
{
	static const uint32_t ops[] = { 0 << CHURN_SLOT_SHIFT | 3, 1 << CHURN_SLOT_SHIFT, CHURN_FREE | 3 };
	struct churn_times times;

	return churn_run(machine, ops, ARRAY_SIZE(ops), 2, GFP_KERNEL | __GFP_ZERO, false, &times);
}

static int use_pool(struct machine *machine)
{
	struct hugetlb_pool one;
	uint64_t grown;
	int status, shrunk;

	hugetlb_init(&one, machine, 4);
	status = hugetlb_grow(&one, 2, &grown);
	shrunk = hugetlb_shrink(&one, 2);
	if (shrunk)
		CHECK(hugetlb_shrink(&one, 2) == 0);
	return status ? status : shrunk;
}

static int bind_stack(struct machine *machine)
{
	return init_point_bind(machine, INIT_ALLOC, chain, 1);
}

static void *in_thread(void *context)
{
	CHECK(use_pages(context) == 0 || this_cpu(context));
	return NULL;
}

static int use_thread(struct machine *machine)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, in_thread, machine) == 0);
	pthread_join(thread, NULL);
	return 0;
}

static const scenario scenarios[] = { use_areas, use_pages, use_arena, use_churn, use_pool, bind_stack, use_thread };

/* Whether the Nth request was made. */
static bool refuse_nth(const struct clearfw_config *config, scenario use, uint64_t n)
{
	struct machine *machine = boot(config, chain, 1);
	uint64_t before = fault_inject_calls();
	int status;
	bool made;

	fault_inject_after(n);
	status = use(machine);
	fault_inject_after(0);
	made = fault_inject_calls() - before >= n;
	CHECK(made || !status);
	CHECK(!made || status || use == use_thread);
	CHECK(machine_nr_free(machine) == machine->nr_pages && machine_is_valid(machine) == NULL);
	CHECK(use(machine) == 0);
	shut_down(machine);
	return made;
}

static bool refuse_nth_of_boot(const struct clearfw_config *config, uint64_t n)
{
	uint64_t before = fault_inject_calls();
	struct clearfw_error error = { 0 };
	struct machine *machine;

	fault_inject_after(n);
	machine = machine_create(config, &error);
	fault_inject_after(0);
	/* Advice may be refused, and hugetlb has another way. */
	CHECK(machine || (error.code == CLEARFW_ESYS && error.sys_errno));
	if (machine)
		machine_destroy(machine);
	return fault_inject_calls() - before >= n;
}

static void walk(const struct clearfw_config *config)
{
	for (uint64_t n = 1; refuse_nth_of_boot(config, n); n++)
		;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		uint64_t n = 1;

		while (refuse_nth(config, scenarios[i], n))
			n++;
		CHECK(n > 1);
	}
}

int main(void)
{
	struct clearfw_config config = small_config;

	config.memory = 16 << 20;
	walk(&config);
	config.highmem = 8 << 20;
	config.kmap = KMAP_STRICT;
	config.init_on_alloc = true;
	walk(&config);
	config.kasan = KASAN_GENERIC;
	walk(&config);
	return 0;
}
