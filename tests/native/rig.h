/* SPDX-License-Identifier: MIT */
/*
 * A booted machine, and strategies for it in the same program: written against
 * strategy.h as a plugin's C file is, but serving every configuration at run time.
 */
#ifndef CLEARFW_RIG_H
#define CLEARFW_RIG_H

#include <clearfw/abi.h>

#include <string.h> /* before strategy.h makes memset() the kernel's */

/* The core's functions of these names take a machine, the kernel's do not: a test uses the kernel's. */
#define is_vmalloc_addr core_is_vmalloc_addr
#define vmalloc_run core_vmalloc_run
#define vmalloc_to_page core_vmalloc_to_page
#include "check.h"
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "mm/page_contig.h"
#include "mm/strategy_api.h"
#include "mm/vmalloc.h"
#undef is_vmalloc_addr
#undef vmalloc_run
#undef vmalloc_to_page

static unsigned int rig_page_shift = 12;

/* On, these options have strategy.h ask the core, which knows what the machine booted with. */
#define CONFIG_HIGHMEM 1
#define CONFIG_KASAN_SW_TAGS 1
#define PAGE_SHIFT rig_page_shift
#undef __always_inline /* the C library's, which a strategy never sees */
#include <clearfw/strategy.h>

/* A refused call, and the facts that its message will have. */
#define CHECK_REFUSED(machine, status, errno_)                    \
	do {                                                      \
		CHECK((status) == -(errno_));                     \
		CHECK(this_cpu(machine)->error.code == (errno_)); \
	} while (0)

static void clear_each(struct page *page, int numpages)
{
	for (struct page *end = page + numpages; page < end; page++)
		clear_highpage_kasan_tagged(page);
}

static void clear_area(const void *start, unsigned long size)
{
	clear_pages(kasan_reset_tag(start), (unsigned int)DIV_ROUND_UP(size, PAGE_SIZE));
}

/* Clears whatever it is given. */
static const struct clearfw_strategy claims_all = {
	.name = "claims_all",
	.kernel_init_pages = clear_each,
	.init_vmalloc_pages = clear_area,
};

/* Small, and in pages of the host; a test changes what it is about. */
static const struct clearfw_config small_config = {
	.memory = 8 << 20,
	.page_shift = 12,
	.backing = BACKING_BASE,
	.kasan_vmalloc = true,
	.kasan_sample = 1,
};

/* Every init point asks the NR strategies of CHAIN. */
static inline struct machine *boot(const struct clearfw_config *config, const struct clearfw_strategy *const *chain,
				   int nr)
{
	struct clearfw_error error = { 0 };
	struct machine *machine = machine_create(config, &error);

	CHECK(machine && error.code == 0);
	clearfw_core = &clearfw_core_table;
	rig_page_shift = config->page_shift;
	for (int point = 0; point < NR_INIT_POINTS; point++)
		CHECK(init_point_bind(machine, (enum init_point)point, chain, nr) == 0);
	return machine;
}

static inline struct machine *boot_one(const struct clearfw_config *config, const struct clearfw_strategy *strategy)
{
	return boot(config, &strategy, 1);
}

/* Everything must be free again, and every structure in order. */
static inline void shut_down(struct machine *machine)
{
	CHECK(machine_nr_free(machine) == machine->nr_pages);
	CHECK(machine_is_valid(machine) == NULL);
	machine_destroy(machine);
}

#endif
