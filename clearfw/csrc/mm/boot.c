/* SPDX-License-Identifier: MIT */

#include "mm/boot.h"

#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/page_poison.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <stdlib.h>
#include <sys/mman.h>

/* mm/mm_init.c:mem_debugging_and_hardening_init, 7.3: poisoning takes precedence over both options. */
static void decide_static_keys(struct machine *machine)
{
	const struct clearfw_config *config = &machine->config;

	machine->page_poison = config->page_poison;
	machine->init_on_alloc = config->init_on_alloc && !config->page_poison;
	machine->init_on_free = config->init_on_free && !config->page_poison;
	machine->debug = machine->init_on_alloc || machine->init_on_free || machine->page_poison ||
			 config->kasan != KASAN_OFF || config->record_events;
}

static size_t mem_map_bytes(const struct machine *machine)
{
	return (size_t)machine->max_pfn * sizeof(struct page);
}

static void init_struct_page(struct machine *machine, uint32_t pfn, bool high)
{
	machine->mem_map[pfn] = (struct page){
		.pfn = pfn,
		.zone = high ? ZONE_HIGHMEM : ZONE_NORMAL,
		.flags = high ? PG_highmem : 0,
		.kasan_tag = KASAN_TAG_KERNEL,
		.virtual = high ? NULL : memory_at(&machine->memory, (size_t)pfn << machine->page_shift),
	};
}

/* A hole may have a million struct pages; they are set up at first use. */
struct page *machine_pfn_to_page(struct machine *machine, unsigned long pfn)
{
	if (pfn >= machine->max_pfn)
		return NULL;
	if (pfn < machine->first_pfn)
		init_struct_page(machine, (uint32_t)pfn, false);
	return &machine->mem_map[pfn];
}

static int init_mem_map(struct machine *machine, struct clearfw_error *err)
{
	uint32_t lowmem_pages = (uint32_t)(machine->memory.lowmem >> machine->page_shift);
	struct page *map = core_mmap(NULL, mem_map_bytes(machine), PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return clearfw_fail(err, CLEARFW_ESYS, "mapping %u struct pages", machine->max_pfn);
	machine->mem_map = map;
	for (uint32_t pfn = machine->first_pfn; pfn < machine->max_pfn; pfn++)
		init_struct_page(machine, pfn, pfn >= lowmem_pages);
	buddy_init(&machine->zone[ZONE_NORMAL], ZONE_NORMAL, map, machine->first_pfn, lowmem_pages);
	buddy_init(&machine->zone[ZONE_HIGHMEM], ZONE_HIGHMEM, map, lowmem_pages, machine->max_pfn);
	return 0;
}

/* What 32 bits leave out; memory, its vmalloc area of twice the size and the rest of a process share 4 GiB. */
static int fits_address_space(const struct clearfw_config *config, struct clearfw_error *err)
{
	if (sizeof(void *) > sizeof(uint32_t))
		return 0;
	if (config->hole + config->memory > SIZE_MAX / 4)
		return clearfw_fail(err, CLEARFW_EARCH, "%llu MiB in 32 bits of address",
				    (unsigned long long)(config->hole + config->memory) >> 20);
	if (config->kasan == KASAN_SW_TAGS || config->kasan == KASAN_HW_TAGS)
		return clearfw_fail(err, CLEARFW_EARCH, "KASAN tags in 32-bit pointers");
	return 0;
}

static int boot(struct machine *machine, struct clearfw_error *err)
{
	int status = fits_address_space(&machine->config, err);

	if (!status)
		status = memory_init(&machine->memory, &machine->config, err);
	if (!status)
		status = init_mem_map(machine, err);
	if (!status)
		status = kasan_init(&machine->kasan, &machine->config, &machine->memory, err);
	if (!status && machine->page_poison)
		page_poison_boot(machine);
	return status;
}

struct machine *machine_create(const struct clearfw_config *config, struct clearfw_error *err)
{
	struct machine *machine = core_calloc(1, sizeof(*machine));

	if (!machine) {
		clearfw_fail(err, CLEARFW_ESYS, "allocating the machine");
		return NULL;
	}
	machine->config = *config;
	machine->page_shift = config->page_shift;
	machine->first_pfn = (uint32_t)(config->hole >> config->page_shift);
	machine->nr_pages = (uint32_t)(config->memory >> config->page_shift);
	machine->max_pfn = machine->first_pfn + machine->nr_pages;
	pthread_mutex_init(&machine->lock, NULL);
	vmalloc_init(&machine->vmalloc);
	decide_static_keys(machine);
	machine_set_primitive(machine, primitive_by_name("kernel"));
	for (int i = 0; i < CLEARFW_NR_INSTRUCTIONS; i++)
		machine->instruction[i] = primitive_of((enum clearfw_instruction)i);
	machines_add(machine);
	if (!boot(machine, err))
		return machine;
	machine_destroy(machine);
	return NULL;
}

static void free_stacks(struct init_stack *stack)
{
	while (stack) {
		struct init_stack *next = stack->next;

		free(stack);
		stack = next;
	}
}

void machine_destroy(struct machine *machine)
{
	machines_remove(machine);
	while (machine->cpus) {
		struct cpu *cpu = machine->cpus;

		machine->cpus = cpu->next;
		cpu_free(cpu);
	}
	for (int point = 0; point < NR_INIT_POINTS; point++)
		free(atomic_load(&machine->stack[point]));
	free_stacks(machine->retired_stacks);
	vmalloc_deinit(machine);
	kasan_deinit(&machine->kasan);
	if (machine->mem_map)
		munmap(machine->mem_map, mem_map_bytes(machine));
	memory_deinit(&machine->memory);
	pthread_mutex_destroy(&machine->lock);
	free(machine);
}

/* Every page is in exactly one place: a free block, an allocated block, or leaked. */
static const char *blocks_are_valid(const struct machine *machine)
{
	for (uint32_t pfn = machine->first_pfn; pfn < machine->max_pfn;) {
		const struct page *page = &machine->mem_map[pfn];
		uint32_t state = page->flags & (PG_buddy | PG_pcp | PG_head | PG_bad);

		if (!state)
			return "a page belongs to no block";
		if (state & (state - 1))
			return "a page is in two states at once";
		for (uint32_t i = 1; i < 1u << page->order; i++)
			if (page[i].flags & (PG_buddy | PG_pcp | PG_head | PG_bad))
				return "two blocks overlap";
		pfn += 1u << page->order;
	}
	return NULL;
}

static const char *all_is_valid(struct machine *machine)
{
	const char *wrong = blocks_are_valid(machine);

	for (int zone = 0; !wrong && zone < MAX_NR_ZONES; zone++) {
		wrong = buddy_is_valid(&machine->zone[zone]);
		for (struct cpu *cpu = machine->cpus; !wrong && cpu; cpu = cpu->next)
			wrong = pcp_is_valid(&cpu->pcp[zone], &machine->zone[zone]);
	}
	for (struct cpu *cpu = machine->cpus; !wrong && cpu; cpu = cpu->next) {
		if (cpu->busy || cpu->claimed || cpu->in_init)
			wrong = "a thread is inside the machine";
		else if (cpu->kasan_depth)
			wrong = "a thread's kasan depth is not balanced";
	}
	return wrong ? wrong : vmalloc_is_valid(machine);
}

const char *machine_is_valid(struct machine *machine)
{
	const char *wrong;

	/* A thread that was joined may still be giving its pages back. */
	pthread_mutex_lock(&machine->lock);
	wrong = all_is_valid(machine);
	pthread_mutex_unlock(&machine->lock);
	return wrong;
}
