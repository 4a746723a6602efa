/* SPDX-License-Identifier: MIT */

#include "mm/page_alloc.h"

#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/page_prep.h"

/* __alloc_pages_slowpath(), as far as it goes: what the CPUs hold may merge into a block. */
static SLOW struct page *alloc_slowpath(struct cpu *cpu, unsigned int order, gfp_t gfp)
{
	machine_drain(cpu->machine);
	return rmqueue(cpu, order, gfp);
}

int machine_alloc(struct machine *machine, unsigned int order, gfp_t gfp, struct page **ret)
{
	struct cpu *cpu = this_cpu(machine);
	struct page *page;
	int status;

	if (__builtin_expect(!cpu, 0))
		return -CLEARFW_ESYS;
	if (__builtin_expect(order > MAX_PAGE_ORDER, 0))
		return refuse(cpu, CLEARFW_EORDER, order);
	if (__builtin_expect(cpu->in_init, 0))
		return refuse(cpu, CLEARFW_EIN_INIT, order);
	page = rmqueue(cpu, order, gfp);
	if (__builtin_expect(!page, 0) && !(page = alloc_slowpath(cpu, order, gfp)))
		return no_memory(cpu, 1ull << order, "block");
	status = prep_new_page(cpu, page, order, gfp);
	if (__builtin_expect(!status, 1))
		*ret = page;
	return status;
}

int machine_free(struct machine *machine, struct page *page, unsigned int order)
{
	struct cpu *cpu = this_cpu(machine);
	bool init = false, compound;
	int status;

	if (__builtin_expect(!cpu, 0))
		return -CLEARFW_ESYS;
	status = check_free(cpu, page, order);
	if (__builtin_expect(status, 0))
		return status;
	compound = page->flags & PG_compound;
	if (__builtin_expect(machine->debug || page->flags & PG_hwpoison || page->mapcount, 0) &&
	    !free_pages_prepare(cpu, page, order, &init))
		return 0;
	if (__builtin_expect(init, 0)) {
		status = init_pages(cpu, INIT_FREE, page, 1u << order);
		if (status) {
			undo_free(cpu, page, order);
			if (compound)
				prep_compound_page(cpu, page, order);
			return status;
		}
	}
	finish_free(cpu, page, order);
	return 0;
}

void machine_split(struct page *page, unsigned int order)
{
	for (uint32_t i = 0; i < 1u << order; i++) {
		page[i].flags |= PG_head;
		page[i].order = 0;
		page[i].private = 0;
	}
}

struct page *machine_split_half(struct page *page, unsigned int order)
{
	struct page *upper = page + (1u << (order - 1));

	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	page->order = upper->order = (uint8_t)(order - 1);
	upper->flags |= PG_head;
	upper->private = 0;
	return upper;
}

struct page *machine_alloc_raw(struct machine *machine, enum clearfw_zone_type type, unsigned int order)
{
	struct zone *zone = &machine->zone[type];
	struct page *page;

	clearfw_lock(&zone->lock);
	page = buddy_alloc(zone, order);
	clearfw_unlock(&zone->lock);
	if (page) {
		page->flags |= PG_head;
		page->order = (uint8_t)order;
	}
	return page;
}

void machine_free_raw(struct machine *machine, struct page *page, unsigned int order)
{
	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	page->flags &= ~(uint32_t)PG_head;
	free_to_buddy(&machine->zone[page->zone], page, order);
}
