/* SPDX-License-Identifier: MIT */
/*
 * Random operations on machines of random configurations and stacks. After each: memory that was
 * promised zero is zero, what a block held until it was freed is what was written there, a failure has
 * changed nothing, and now and then every structure of the machine agrees with every other.
 *
 * Arguments: how many steps, and the seed of the first machine.
 */
#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/hugetlb.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "mm/page_contig.h"
#include "mm/page_poison.h"
#include "primitives/primitive.h"
#include "rig.h"

#define STEPS_A_MACHINE 1000
#define STEPS_A_CHECK 50
#define MAX_LIVE 48
#define MAX_LIST 96

/* splitmix64 (Steele, Lea and Flood 2014) */
static uint64_t state;

static uint64_t random_below(uint64_t bound)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % bound;
}

static bool one_in(uint64_t n)
{
	return random_below(n) == 0;
}

/* More strategies */

/* Lowmem in one call, and passes HIGHMEM on: `batched` and what could come of it. */
static bool clear_lowmem(struct page *page, int numpages)
{
	if (PageHighMem(page))
		return false;
	clear_pages_incoherent(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
	clear_page_make_coherent();
	return true;
}

static void clear_by_memset(struct page *page, int numpages)
{
	kasan_disable_current();
	for (struct page *end = page + numpages; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		memset(kasan_reset_tag(kaddr), 0, PAGE_SIZE);
		kunmap_local(kaddr);
	}
	kasan_enable_current();
}

/* One fence for the whole list; two mappings at a time. */
static bool clear_list(struct page **pages, int nr)
{
	for (int i = 0; i < nr; i += 2) {
		void *first = kmap_local_page(pages[i]);
		void *second = i + 1 < nr ? kmap_local_page(pages[i + 1]) : NULL;

		clear_pages_incoherent(kasan_reset_tag(first), 1);
		if (second) {
			clear_pages_incoherent(kasan_reset_tag(second), 1);
			kunmap_local(second);
		}
		kunmap_local(first);
	}
	clear_page_make_coherent();
	return true;
}

static bool clear_walking(const void *start, unsigned long size)
{
	for (unsigned long at = 0; at < size; at += PAGE_SIZE)
		clear_highpage_kasan_tagged(vmalloc_to_page((const char *)start + at));
	return true;
}

static bool clear_runs(const void *start, unsigned long size)
{
	const char *addr = start;
	unsigned int left = (unsigned int)DIV_ROUND_UP(size, PAGE_SIZE), npages;

	for (; left; left -= npages, addr += npages * PAGE_SIZE) {
		struct page *page;

		npages = vmalloc_run(addr, left, &page);
		clear_each(page, (int)npages);
	}
	return true;
}

/* Passes one in eight on: alone in a stack, these allocations and frees fail. */
static bool clear_mostly(struct page *page, int numpages)
{
	if (one_in(8))
		return false;
	clear_each(page, numpages);
	return true;
}

static bool clear_area_mostly(const void *start, unsigned long size)
{
	return !one_in(8) && clear_walking(start, size);
}

static const struct clearfw_strategy strategies[] = {
	{ .name = "batched", .init_on_alloc = clear_lowmem, .init_on_free = clear_lowmem },
	{ .name = "bulk", .init_on_alloc = clear_lowmem, .init_on_free = clear_lowmem, .init_bulk = clear_list },
	{ .name = "runs", .init_on_vmalloc = clear_runs },
	{ .name = "walking", .init_on_vmalloc = clear_walking },
	{ .name = "memset", .kernel_init_pages = clear_by_memset },
	{ .name = "mostly",
	  .init_on_alloc = clear_mostly,
	  .init_on_free = clear_mostly,
	  .init_on_vmalloc = clear_area_mostly },
};

#undef memset /* from here on the C library's */

/* A machine */

static struct machine *machine;
static struct hugetlb_pool pool;
static bool claims; /* whatever it is asked, the stack claims */

static struct clearfw_config random_config(void)
{
	static const unsigned int page_shifts[] = { 12, 12, 14, 16 };
	unsigned int shift = page_shifts[random_below(4)];
	uint64_t npages = (64ul << 20 >> shift) - random_below((48ul << 20) >> shift);

	return (struct clearfw_config){
		.memory = npages << shift,
		.highmem = one_in(2) ? random_below(npages * 3 / 4) << shift : 0,
		.page_shift = shift,
		.backing = BACKING_BASE,
		.kasan = (enum clearfw_kasan)random_below(4),
		.kmap = one_in(3) ? KMAP_STRICT : KMAP_PRICED,
		.init_on_alloc = one_in(2),
		.init_on_free = one_in(3),
		.page_poison = one_in(4),
		.kasan_vmalloc = one_in(2),
		.vmalloc_init_always = one_in(2),
		.record_events = one_in(4),
		.kasan_sample = 1 + (uint32_t)random_below(3),
		.kasan_sample_order = (uint32_t)random_below(4),
		.seed = random_below(1ul << 40),
	};
}

static const struct clearfw_primitive *random_primitive(void)
{
	const struct clearfw_primitive *primitive;
	int count = 0;

	while (primitive_at(count))
		count++;
	do
		primitive = primitive_at((int)random_below((uint64_t)count));
	while (!primitive_is_supported(primitive));
	return primitive;
}

static void boot_any(uint64_t seed)
{
	const struct clearfw_strategy *chain[4];
	struct clearfw_config config;
	int nr = 0;

	state = seed;
	config = random_config();
	fprintf(stderr, "seed %lu: memory=%lu highmem=%lu page_shift=%u", seed, config.memory, config.highmem,
		config.page_shift);
	while (nr < 3 && !one_in(4))
		chain[nr++] = &strategies[random_below(ARRAY_SIZE(strategies))];
	claims = !one_in(4);
	if (claims)
		chain[nr++] = &claims_all;
	for (int i = 0; i < nr; i++)
		fprintf(stderr, " %s", chain[i]->name);
	fprintf(stderr, "\n");
	machine = boot(&config, chain, nr);
	machine_set_primitive(machine, random_primitive());
	hugetlb_init(&pool, machine, one_in(4) ? 11 : (unsigned int)random_below(11));
}

/* What is held */

struct block {
	enum { BLOCK, LIST, AREA, HUGE } kind;
	unsigned int order;
	uint8_t pattern; /* of every byte */
	int nr;
	struct page *pages[MAX_LIST]; /* one head, but for a LIST */
	struct vmalloc_area *area;
};

static struct block live[MAX_LIVE];
static int nr_live;

static uint64_t block_pages(const struct block *block)
{
	return block->area ? block->area->nr_pages : (uint64_t)block->nr << block->order;
}

static bool range_is(const struct page *page, unsigned int order, uint8_t byte)
{
	size_t where;

	return primitive_is_filled(machine_page_bytes(machine, page), PAGE_SIZE << order, byte, &where);
}

/* An area as its pages, and once more as the addresses it is mapped at. */
static bool area_is(const struct vmalloc_area *area, uint8_t byte)
{
	size_t where;

	for (uint32_t i = 0; i < area->nr_pages; i++)
		if (!range_is(&machine->mem_map[area->pfns[i]], 0, byte))
			return false;
	return primitive_is_filled(area->start, area->nr_pages * PAGE_SIZE, byte, &where);
}

static bool block_is(const struct block *block, uint8_t byte)
{
	for (int i = 0; i < block->nr; i++)
		if (!range_is(block->pages[i], block->order, byte))
			return false;
	return !block->area || area_is(block->area, byte);
}

static void write_pattern(struct block *block)
{
	block->pattern = (uint8_t)(1 + random_below(PAGE_POISON - 1));
	for (int i = 0; i < block->nr; i++)
		memset(machine_page_bytes(machine, block->pages[i]), block->pattern, PAGE_SIZE << block->order);
	if (block->area)
		memset(block->area->start, block->pattern, block->area->nr_pages * PAGE_SIZE);
}

static uint64_t held_pages(void)
{
	struct clearfw_stats stats;
	uint64_t npages = pool.nr_free << pool.order;

	machine_stats(machine, &stats);
	for (int i = 0; i < nr_live; i++)
		npages += block_pages(&live[i]);
	return npages + stats.bad_pages;
}

static void check_machine(void)
{
	const char *wrong = machine_is_valid(machine);

	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	CHECK(!wrong);
	CHECK(machine_nr_free(machine) + held_pages() == machine->nr_pages);
	for (int i = 0; i < nr_live; i++)
		CHECK(block_is(&live[i], live[i].pattern));
}

/* Steps */

static gfp_t random_gfp(void)
{
	static const gfp_t flags[] = {
		__GFP_ZERO, __GFP_HIGHMEM, __GFP_ZEROTAGS, __GFP_SKIP_KASAN, __GFP_SKIP_ZERO,
	};
	gfp_t gfp = GFP_KERNEL;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (one_in(i < 2 ? 2 : 8))
			gfp |= flags[i];
	return gfp;
}

/* want_init_on_alloc() and its exceptions: hw_tags alone heeds __GFP_SKIP_ZERO. */
static bool is_promised_zero(gfp_t gfp)
{
	if (machine->init_on_free)
		return true;
	if (machine->config.kasan == KASAN_HW_TAGS && gfp & __GFP_SKIP_ZERO)
		return false;
	return machine->init_on_alloc || gfp & __GFP_ZERO;
}

/* A failure has a reason: no such block, or a stack that does not always claim. */
static void check_failure(int status, unsigned int order, gfp_t gfp)
{
	struct zone *zones = machine->zone;

	CHECK(this_cpu(machine)->error.code == -status && nr_live < MAX_LIVE);
	if (status == -CLEARFW_EUNCLAIMED) {
		CHECK(!claims);
		return;
	}
	CHECK(status == -CLEARFW_ENOMEM);
	if (!order)
		CHECK(!zones[ZONE_NORMAL].nr_free && !(gfp & __GFP_HIGHMEM && zones[ZONE_HIGHMEM].nr_free));
}

static void keep(struct block *block, bool promised)
{
	if (promised)
		CHECK(block_is(block, 0));
	write_pattern(block);
	live[nr_live++] = *block;
}

static void alloc_block(void)
{
	unsigned int order = (unsigned int)random_below(one_in(8) ? 13 : 6);
	struct block block = { .kind = BLOCK, .nr = 1, .order = order };
	gfp_t gfp = random_gfp() | (one_in(4) ? __GFP_COMP : 0);
	int status = order > MAX_PAGE_ORDER ? machine_alloc_contig(machine, order, gfp, block.pages)
					    : machine_alloc(machine, order, gfp, block.pages);

	if (status)
		check_failure(status, order, gfp);
	else
		keep(&block, is_promised_zero(gfp));
}

static void alloc_list(void)
{
	struct block block = { .kind = LIST, .nr = 1 + (int)random_below(MAX_LIST) };
	gfp_t gfp = random_gfp();
	int status = machine_alloc_bulk(machine, gfp, block.pages, block.nr);

	if (!status)
		keep(&block, is_promised_zero(gfp));
	else if (status != -CLEARFW_ENOMEM || machine_nr_free(machine) < (uint64_t)block.nr)
		check_failure(status, 1, gfp);
}

/* vmalloc sees to it itself that a page is cleared once, whatever the flags say of skipping. */
static void alloc_area(void)
{
	struct block block = { .kind = AREA };
	gfp_t gfp = random_gfp();
	size_t nbytes = 1 + random_below(one_in(4) ? 4 << 20 : 40 * PAGE_SIZE);
	int status;

	/* Areas that come or go when frees may fail leave pages behind that are nobody's. */
	if (!claims && machine->init_on_free)
		return;
	status = vmalloc(machine, nbytes, gfp, one_in(2) ? VMALLOC_ALLOW_HUGE : 0, &block.area);
	if (status == -CLEARFW_EVMALLOC)
		CHECK(nbytes > machine->memory.nbytes);
	else if (status)
		check_failure(status, 1, gfp);
	else
		keep(&block, machine->init_on_free || machine->init_on_alloc || gfp & __GFP_ZERO);
}

/* The pool recycles as it was left; only what is fresh from the allocator is clean. */
static void get_huge(void)
{
	struct block block = { .kind = HUGE, .nr = 1, .order = pool.order };
	bool fresh = pool.nr_free == 0;
	int status = hugetlb_get(&pool, block.pages);

	if (status)
		check_failure(status, pool.order, GFP_HIGHUSER);
	else
		keep(&block, fresh && is_promised_zero(0));
}

static void resize_pool(void)
{
	uint64_t had = pool.nr_pages, count = random_below(3), grown;
	int status;

	if (one_in(2)) {
		status = hugetlb_grow(&pool, count, &grown);
		CHECK(pool.nr_pages == had + grown && (status || grown == count));
	} else {
		status = hugetlb_shrink(&pool, count);
	}
	CHECK(!status || status == -CLEARFW_ENOMEM || !claims);
}

/* Out of order, and for some lists page by page. */
static int free_list(struct block *block)
{
	for (int i = block->nr - 1; i > 0; i--) {
		uint64_t other = random_below((uint64_t)i + 1);
		struct page *page = block->pages[i];

		block->pages[i] = block->pages[other];
		block->pages[other] = page;
	}
	if (one_in(2))
		return machine_free_bulk(machine, block->pages, block->nr);
	while (block->nr) {
		int status = machine_free(machine, block->pages[block->nr - 1], 0);

		if (status)
			return status;
		block->nr--;
	}
	return 0;
}

static int free_one(struct block *block)
{
	switch (block->kind) {
	case LIST:
		return free_list(block);
	case AREA:
		return vfree(machine, block->area->tagged);
	case HUGE:
		hugetlb_put(&pool, block->pages[0]);
		return 0;
	default:
		/* Now and then a bad page, which is leaked and never seen again. */
		block->pages[0]->mapcount = block->order < 3 && one_in(100);
		return machine_free(machine, block->pages[0], block->order);
	}
}

static void free_any(void)
{
	struct block *block = &live[random_below((uint64_t)nr_live)];
	int status;

	CHECK(block_is(block, block->pattern));
	status = free_one(block);
	if (!status) {
		*block = live[--nr_live];
		return;
	}
	/* Still the caller's, its contents not to be trusted. */
	CHECK(status == -CLEARFW_EUNCLAIMED && !claims && machine->init_on_free);
	write_pattern(block);
}

static void step(void)
{
	static void (*const allocs[])(void) = { alloc_block, alloc_block, alloc_list, alloc_area, get_huge };

	if (one_in(40))
		machine_drain(machine);
	else if (one_in(40))
		resize_pool();
	else if (nr_live == MAX_LIVE || (nr_live && one_in(2)))
		free_any();
	else
		allocs[random_below(ARRAY_SIZE(allocs))]();
}

/* All goes back, the machine is whole again, and what the poison was to find it found nothing of. */
static void finish(void)
{
	const struct clearfw_strategy *chain = &claims_all;
	struct clearfw_stats stats;

	CHECK(init_point_bind(machine, INIT_FREE, &chain, 1) == 0);
	claims = true;
	while (nr_live)
		free_any();
	while (pool.nr_pages)
		hugetlb_shrink(&pool, 1);
	check_machine();
	machine_stats(machine, &stats);
	CHECK(stats.poison_reports == 0 && stats.kasan_reports == 0 && stats.warnings == 0);
	machine_destroy(machine);
}

int main(int argc, char **argv)
{
	long steps = argc > 1 ? atol(argv[1]) : 14000, done = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	for (; steps > 0; steps -= STEPS_A_MACHINE) {
		boot_any(seed++);
		for (int i = 1; i <= STEPS_A_MACHINE; i++) {
			step();
			done++;
			if (i % STEPS_A_CHECK == 0)
				check_machine();
		}
		finish();
	}
	printf("%ld steps\n", done);
	return 0;
}
