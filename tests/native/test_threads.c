/* SPDX-License-Identifier: MIT */
/*
 * Several threads on two machines: they allocate, check, write and free, free what others allocated,
 * drain each other's per-CPU lists, rebind the stack under way, exit, and come back as new threads.
 *
 * Under -fsanitize=thread, suppress what it cannot judge, and nothing is left: race:drain_lists (owner and
 * drainer order themselves by membarrier(2), csrc/mm/cpu.c), race:clearfw_stats_add (counters of others are read
 * as they are), race:free_buddy (PG_buddy changes under the zone's lock alone, a page's other flags do not).
 *
 * Argument: how many steps each thread takes in each round.
 */
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/hugetlb.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "primitives/primitive.h"
#include "rig.h"

#undef memset /* from here on the C library's */

#define THREADS 4
#define ROUNDS 3
#define MACHINES 2
#define MAILBOXES 32
#define LIST 32
#define POOL_ORDER 5

struct block {
	struct page *page;
	unsigned int order;
	uint8_t pattern; /* of every byte */
};

/* A machine, and what its threads share. */
static struct site {
	struct machine *machine;
	struct hugetlb_pool pool;
	_Atomic(struct block *) mailbox[MAILBOXES]; /* left for whoever looks in */
} sites[MACHINES];

static long steps = 1600;
static __thread uint32_t state; /* xorshift32 (Marsaglia 2003) */

static uint32_t random_below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static bool is_filled(const struct site *site, const struct page *page, unsigned int order, uint8_t byte)
{
	size_t where;

	return primitive_is_filled(machine_page_bytes(site->machine, page), PAGE_SIZE << order, byte, &where);
}

static void write_pattern(const struct site *site, struct block *block)
{
	block->pattern = (uint8_t)(1 + random_below(255));
	memset(machine_page_bytes(site->machine, block->page), block->pattern, PAGE_SIZE << block->order);
}

static void free_block(const struct site *site, struct block *block)
{
	CHECK(is_filled(site, block->page, block->order, block->pattern));
	CHECK(machine_free(site->machine, block->page, block->order) == 0);
	free(block);
}

/* Keeps the new block in a mailbox, and frees what another thread had left there. */
static void trade(struct site *site)
{
	struct block *block = malloc(sizeof(*block));

	CHECK(block);
	block->order = random_below(8) ? random_below(5) : 9;
	if (machine_alloc(site->machine, block->order, GFP_HIGHUSER | __GFP_ZERO, &block->page)) {
		CHECK(this_cpu(site->machine)->error.code == CLEARFW_ENOMEM);
		free(block);
		return;
	}
	CHECK(is_filled(site, block->page, block->order, 0));
	write_pattern(site, block);
	block = atomic_exchange(&site->mailbox[random_below(MAILBOXES)], block);
	if (block)
		free_block(site, block);
}

static void use_list(struct site *site)
{
	struct page *pages[LIST];
	int nr = 1 + (int)random_below(LIST);

	if (machine_alloc_bulk(site->machine, GFP_HIGHUSER | __GFP_ZERO, pages, nr))
		return;
	for (int i = 0; i < nr; i++) {
		CHECK(is_filled(site, pages[i], 0, 0));
		memset(machine_page_bytes(site->machine, pages[i]), 0xff, PAGE_SIZE);
	}
	CHECK(machine_free_bulk(site->machine, pages, nr) == 0);
}

static void use_area(struct site *site)
{
	struct vmalloc_area *area;
	size_t where;

	if (vmalloc(site->machine, 1 + random_below(20 * PAGE_SIZE), GFP_HIGHUSER | __GFP_ZERO, 0, &area))
		return;
	CHECK(primitive_is_filled(area->start, area->nr_pages * PAGE_SIZE, 0, &where));
	memset(area->start, 0xff, area->nr_pages * PAGE_SIZE);
	CHECK(vfree(site->machine, area->tagged) == 0);
}

/* What the pool hands out is nobody else's. */
static void use_pool(struct site *site)
{
	struct block block = { .order = POOL_ORDER };

	if (hugetlb_get(&site->pool, &block.page))
		return;
	write_pattern(site, &block);
	CHECK(is_filled(site, block.page, block.order, block.pattern));
	hugetlb_put(&site->pool, block.page);
}

/* Nothing but the per-CPU lists, which others drain meanwhile. */
static void churn(struct site *site)
{
	struct page *page;

	for (int i = 0; i < 200; i++)
		if (!machine_alloc(site->machine, 0, GFP_KERNEL, &page))
			CHECK(machine_free(site->machine, page, 0) == 0);
}

static void drain(struct site *site)
{
	struct clearfw_stats stats;

	machine_drain(site->machine);
	machine_stats(site->machine, &stats);
	CHECK(stats.bad_pages == 0);
}

static void rebind(struct site *site)
{
	const struct clearfw_strategy *chain[] = { &claims_all, &claims_all };

	CHECK(init_point_bind(site->machine, INIT_ALLOC, chain, 1 + (int)random_below(2)) == 0);
}

static void *run(void *seed)
{
	static void (*const often[])(struct site *site) = { trade, trade, use_list, use_pool, churn };
	static void (*const seldom[])(struct site *site) = { use_area, drain, drain, rebind };

	state = (uint32_t)(uintptr_t)seed;
	for (long i = 0; i < steps; i++) {
		struct site *site = &sites[random_below(MACHINES)];

		if (random_below(8))
			often[random_below(ARRAY_SIZE(often))](site);
		else
			seldom[random_below(ARRAY_SIZE(seldom))](site);
	}
	return NULL;
}

/* The threads are gone: their lists went back to the buddy, and the mailboxes hold all that is out. */
static void check_site(const struct site *site)
{
	uint64_t held = site->pool.nr_pages << POOL_ORDER;

	for (int i = 0; i < MAILBOXES; i++)
		if (site->mailbox[i])
			held += 1u << site->mailbox[i]->order;
	CHECK(site->pool.nr_free == site->pool.nr_pages);
	CHECK(site->machine->cpus == NULL || site->machine->cpus->next == NULL);
	CHECK(machine_nr_free(site->machine) + held == site->machine->nr_pages);
	CHECK(machine_is_valid(site->machine) == NULL);
}

static void run_round(uintptr_t seed)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, (void *)(seed + i)) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (int i = 0; i < MACHINES; i++)
		check_site(&sites[i]);
}

static void boot_sites(void)
{
	struct clearfw_config config = small_config;

	config.memory = 48 << 20;
	config.kmap = KMAP_STRICT;
	for (int i = 0; i < MACHINES; i++) {
		config.highmem = (uint64_t)i * (16 << 20);
		config.init_on_free = i == 1;
		sites[i].machine = boot_one(&config, &claims_all);
		hugetlb_init(&sites[i].pool, sites[i].machine, POOL_ORDER);
	}
}

/* Each block was written to by a thread that is gone, and is intact. */
static void halt_site(struct site *site)
{
	for (int i = 0; i < MAILBOXES; i++)
		if (site->mailbox[i])
			free_block(site, site->mailbox[i]);
	CHECK(hugetlb_shrink(&site->pool, site->pool.nr_pages) == 0);
	shut_down(site->machine);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		steps = atol(argv[1]);
	boot_sites();
	for (uintptr_t round = 0; round < ROUNDS; round++)
		run_round(1 + round * THREADS);
	for (int i = 0; i < MACHINES; i++)
		halt_site(&sites[i]);
	return 0;
}
