/* SPDX-License-Identifier: MIT */

#include "mm/page_prep.h"

#include "mm/init_point.h"
#include "mm/page_poison.h"

#include <string.h>

/* Predicates: include/linux/mm.h and mm/page_alloc.c, 7.3. */

static bool want_init_on_alloc(const struct machine *machine, gfp_t gfp)
{
	return machine->init_on_alloc || gfp & __GFP_ZERO;
}

static bool should_skip_init(const struct cpu *cpu, gfp_t gfp)
{
	return (cpu->machine->config.kasan == KASAN_HW_TAGS && gfp & __GFP_SKIP_ZERO) || cpu->vmalloc_inits;
}

static bool should_skip_kasan_unpoison(const struct machine *machine, gfp_t gfp)
{
	switch (machine->config.kasan) {
	case KASAN_GENERIC:
	case KASAN_SW_TAGS:
		return false;
	case KASAN_HW_TAGS:
		return gfp & __GFP_SKIP_KASAN;
	default:
		return true;
	}
}

/* GENERIC would skip deferred pages only, and there are none after boot. */
bool should_skip_kasan_poison(const struct machine *machine, const struct page *page)
{
	return !kasan_uses_tags(&machine->kasan) ? machine->config.kasan == KASAN_OFF
						 : page->kasan_tag == KASAN_TAG_KERNEL;
}

/* hw_tags clears with the instruction that sets the tags: no strategy is called. */
static void integrated_init(struct cpu *cpu, struct page *page, unsigned int npages)
{
	machine_event(cpu->machine, EVENT_INTEGRATED_INIT);
	memset(machine_page_bytes(cpu->machine, page), 0, (size_t)npages << cpu->machine->page_shift);
	cpu->stats.integrated_pages += npages;
}

/* arm64 with MTE zeroes the tags whether or not it clears, and then clears too (7.3); elsewhere nothing. */
static bool tag_clear_highpages(struct cpu *cpu, struct page *page, unsigned int npages, bool init)
{
	if (cpu->machine->config.kasan != KASAN_HW_TAGS)
		return init;
	machine_event(cpu->machine, EVENT_TAG_CLEAR_HIGHPAGES);
	kasan_set_memory_tags(&cpu->machine->kasan, page, npages, 0);
	if (init)
		integrated_init(cpu, page, npages);
	return false;
}

bool post_alloc_prepare(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	struct machine *machine = cpu->machine;
	unsigned int npages = 1u << order;
	bool init = !machine->init_on_free && want_init_on_alloc(machine, gfp) && !should_skip_init(cpu, gfp);

	machine_event(machine, EVENT_SET_PAGE_PRIVATE);
	page->private = 0;
	machine_event(machine, EVENT_ARCH_ALLOC_PAGE);
	/* Before any clear, which would hide a write to a free page. */
	if (machine->page_poison)
		kernel_unpoison_pages(cpu, page, npages);
	if (gfp & __GFP_ZEROTAGS)
		init = tag_clear_highpages(cpu, page, npages, init);
	if (!should_skip_kasan_unpoison(machine, gfp) && kasan_unpoison_pages(&machine->kasan, page, order)) {
		machine_event(machine, EVENT_KASAN_UNPOISON_PAGES);
		if (init && kasan_integrates_init(&machine->kasan)) {
			integrated_init(cpu, page, npages);
			init = false;
		}
	} else if (kasan_uses_tags(&machine->kasan)) {
		machine_event(machine, EVENT_PAGE_KASAN_TAG_RESET);
		kasan_reset_page_tags(&machine->kasan, page, npages);
	}
	return init;
}

void prep_compound_page(struct cpu *cpu, struct page *page, unsigned int order)
{
	machine_event(cpu->machine, EVENT_PREP_COMPOUND_PAGE);
	page->flags |= PG_compound;
	for (uint32_t i = 1; i < 1u << order; i++) {
		page[i].flags |= PG_tail;
		page[i].private = page->pfn;
	}
}

void destroy_compound_page(struct page *page, unsigned int order)
{
	page->flags &= ~PG_compound;
	for (uint32_t i = 1; i < 1u << order; i++) {
		page[i].flags &= ~PG_tail;
		page[i].private = 0;
	}
}

/* free_page_is_bad() on each page if check_pages is on, otherwise only on the head. */
static bool block_is_bad(const struct machine *machine, const struct page *page, unsigned int order)
{
	uint32_t checked = machine->debug ? 1u << order : 1;

	for (uint32_t i = 0; i < checked; i++)
		if (page[i].mapcount)
			return true;
	return false;
}

static void leak(struct cpu *cpu, struct page *page, enum clearfw_event why)
{
	machine_event(cpu->machine, why);
	page->flags = (page->flags & ~(uint32_t)PG_head) | PG_bad;
	cpu->stats.bad_pages += 1ull << page->order;
}

bool free_pages_prepare(struct cpu *cpu, struct page *page, unsigned int order, bool *init)
{
	struct machine *machine = cpu->machine;
	bool skip_kasan_poison = should_skip_kasan_poison(machine, page);

	*init = machine->init_on_free;
	machine_event(machine, EVENT_TRACE_MM_PAGE_FREE);
	if (page->flags & PG_hwpoison && !order) {
		leak(cpu, page, EVENT_HWPOISON);
		return false;
	}
	if (block_is_bad(machine, page, order)) {
		leak(cpu, page, EVENT_BAD_PAGE);
		return false;
	}
	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	if (machine->page_poison)
		kernel_poison_pages(cpu, page, 1u << order);
	if (!skip_kasan_poison) {
		machine_event(machine, EVENT_KASAN_POISON_PAGES);
		kasan_poison_pages(&machine->kasan, page, order);
		if (*init && kasan_integrates_init(&machine->kasan)) {
			integrated_init(cpu, page, 1u << order);
			*init = false;
		}
	}
	return true;
}

void undo_alloc(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (!should_skip_kasan_poison(cpu->machine, page))
		kasan_poison_pages(&cpu->machine->kasan, page, order);
	if (cpu->machine->page_poison)
		kernel_poison_pages(cpu, page, 1u << order);
	free_to_lists(cpu, page, order);
}

void take_back(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	undo_alloc(cpu, page, order);
}

int no_memory(struct cpu *cpu, uint64_t npages, const char *what)
{
	uint64_t found = machine_nr_free(cpu->machine);

	clearfw_fail(&cpu->error, CLEARFW_ENOMEM, "%s", what);
	cpu->error.wanted = npages;
	cpu->error.found = found;
	return -CLEARFW_ENOMEM;
}

int refuse(struct cpu *cpu, enum clearfw_errno code, uint64_t wanted)
{
	clearfw_fail(&cpu->error, code, "allocation");
	cpu->error.wanted = wanted;
	return -(int)code;
}

int post_alloc_hook(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	/* Who may not sleep may hold a spinlock, or be an interrupt. */
	int atomic = gfp & __GFP_DIRECT_RECLAIM ? 0 : CLEARFW_PREEMPT;
	int status = 0;

	if (post_alloc_prepare(cpu, page, order, gfp)) {
		cpu->context += atomic;
		status = init_pages(cpu, INIT_ALLOC, page, 1u << order);
		cpu->context -= atomic;
	}
	if (status)
		undo_alloc(cpu, page, order);
	return status;
}

void undo_free(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->kasan_tag != KASAN_TAG_KERNEL || cpu->machine->config.kasan == KASAN_GENERIC)
		kasan_unpoison_pages(&cpu->machine->kasan, page, order);
}

/* A page in no block is already on its way to the lists: the list to free contains it twice. */
static bool is_free(const struct machine *machine, const struct page *page)
{
	for (unsigned int order = 0; order <= MAX_CONTIG_ORDER; order++) {
		const struct page *head = &machine->mem_map[page->pfn & ~((1u << order) - 1)];

		if (head->flags & (PG_buddy | PG_pcp | PG_head | PG_bad) && head->order >= order)
			return head->flags & (PG_buddy | PG_pcp);
	}
	return true;
}

/* Why PAGE is not the head of an allocated block of ORDER. */
int bad_free(struct cpu *cpu, const struct page *page, unsigned int order)
{
	enum clearfw_errno code = is_free(cpu->machine, page) ? CLEARFW_EDOUBLE_FREE : CLEARFW_EFOREIGN;

	clearfw_fail(&cpu->error, code, "free");
	cpu->error.pfn = page->pfn;
	cpu->error.wanted = order;
	cpu->error.found = page->order;
	cpu->error.zone = page->zone;
	return -(int)code;
}
