/* SPDX-License-Identifier: MIT */
#include "page_alloc.h"

#include "page_poison.h"

#include <string.h>

/* The fast paths as one function each, and what they rarely need kept out of them: a quarter of a pair's time. */
#define FAST static inline __attribute__((always_inline))
#define SLOW static __attribute__((noinline))

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
static bool should_skip_kasan_poison(const struct machine *machine, const struct page *page)
{
	return !kasan_uses_tags(&machine->kasan) ? machine->config.kasan == KASAN_OFF
						 : page->kasan_tag == KASAN_TAG_KERNEL;
}

/* What hw_tags does in the same instruction that sets the tags: no strategy is asked. */
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

/* The first half of post_alloc_hook(), up to the clear; true when the pages are still to be cleared. */
static bool post_alloc_prepare(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	struct machine *machine = cpu->machine;
	unsigned int npages = 1u << order;
	bool init = !machine->init_on_free && want_init_on_alloc(machine, gfp) && !should_skip_init(cpu, gfp);

	machine_event(machine, EVENT_SET_PAGE_PRIVATE);
	page->private = 0;
	machine_event(machine, EVENT_ARCH_ALLOC_PAGE);
	/* Before any zeroing, which would hide what was written to a free page. */
	if (machine->page_poison)
		kernel_unpoison_pages(cpu, page, npages);
	if (gfp & __GFP_ZEROTAGS)
		init = tag_clear_highpages(cpu, page, npages, init);
	if (!should_skip_kasan_unpoison(machine, gfp) && kasan_unpoison_pages(&machine->kasan, page, order)) {
		machine_event(machine, EVENT_KASAN_UNPOISON_PAGES);
		if (init && kasan_has_integrated_init(&machine->kasan)) {
			integrated_init(cpu, page, npages);
			init = false;
		}
	} else if (kasan_uses_tags(&machine->kasan)) {
		machine_event(machine, EVENT_PAGE_KASAN_TAG_RESET);
		kasan_reset_page_tags(&machine->kasan, page, npages);
	}
	return init;
}

static void prep_compound_page(struct cpu *cpu, struct page *page, unsigned int order)
{
	machine_event(cpu->machine, EVENT_PREP_COMPOUND_PAGE);
	page->flags |= PG_compound;
	for (uint32_t i = 1; i < 1u << order; i++) {
		page[i].flags |= PG_tail;
		page[i].private = page->pfn;
	}
}

static void destroy_compound_page(struct page *page, unsigned int order)
{
	page->flags &= ~PG_compound;
	for (uint32_t i = 1; i < 1u << order; i++) {
		page[i].flags &= ~PG_tail;
		page[i].private = 0;
	}
}

SLOW struct page *rmqueue_buddy(struct zone *zone, unsigned int order)
{
	struct page *page;

	clearfw_lock(&zone->lock);
	page = buddy_alloc(zone, order);
	clearfw_unlock(&zone->lock);
	return page;
}

FAST struct page *rmqueue_zone(struct cpu *cpu, struct zone *zone, unsigned int order)
{
	struct pcp *pcp = &cpu->pcp[zone->type];
	struct page *page;

	if (!pcp_allowed(pcp, order))
		return rmqueue_buddy(zone, order);
	cpu_lists_begin(cpu);
	page = pcp_alloc(pcp, zone, order);
	cpu_lists_end(cpu);
	return page;
}

/* Zone fallback goes downwards only: HIGHMEM, then NORMAL. */
FAST struct page *rmqueue(struct cpu *cpu, unsigned int order, gfp_t gfp)
{
	struct zone *zones = cpu->machine->zone;
	struct page *page = NULL;

	if (gfp & __GFP_HIGHMEM && cpu->machine->config.highmem)
		page = rmqueue_zone(cpu, &zones[ZONE_HIGHMEM], order);
	return page ? page : rmqueue_zone(cpu, &zones[ZONE_NORMAL], order);
}

SLOW void free_to_buddy(struct zone *zone, struct page *page, unsigned int order)
{
	clearfw_lock(&zone->lock);
	for (uint32_t i = 0; i < 1u << order; i += 1u << MAX_PAGE_ORDER)
		buddy_free(zone, page + i, order < MAX_PAGE_ORDER ? order : MAX_PAGE_ORDER);
	clearfw_unlock(&zone->lock);
}

FAST void free_to_lists(struct cpu *cpu, struct page *page, unsigned int order)
{
	struct zone *zone = &cpu->machine->zone[page->zone];
	struct pcp *pcp = &cpu->pcp[page->zone];

	page->flags &= ~(uint32_t)PG_head;
	if (!pcp_allowed(pcp, order)) {
		free_to_buddy(zone, page, order);
		return;
	}
	cpu_lists_begin(cpu);
	pcp_free(pcp, zone, page, order);
	cpu_lists_end(cpu);
}

/* After a failed init: the block goes back as it was taken, so that nobody gets it dirty. */
static void undo_alloc(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (!should_skip_kasan_poison(cpu->machine, page))
		kasan_poison_pages(&cpu->machine->kasan, page, order);
	if (cpu->machine->page_poison)
		kernel_poison_pages(cpu, page, 1u << order);
	free_to_lists(cpu, page, order);
}

static int no_memory(struct cpu *cpu, uint64_t npages, const char *what)
{
	uint64_t found = machine_nr_free(cpu->machine);

	clearfw_fail(&cpu->error, CLEARFW_ENOMEM, "%s", what);
	cpu->error.wanted = npages;
	cpu->error.found = found;
	return -CLEARFW_ENOMEM;
}

static int refuse(struct cpu *cpu, enum clearfw_errno code, uint64_t wanted)
{
	clearfw_fail(&cpu->error, code, "allocation");
	cpu->error.wanted = wanted;
	return -(int)code;
}

SLOW int post_alloc_hook(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	int status = 0;

	if (post_alloc_prepare(cpu, page, order, gfp))
		status = init_pages(cpu, INIT_ALLOC, page, 1u << order);
	if (status)
		undo_alloc(cpu, page, order);
	return status;
}

/* The block is the caller's once its init has succeeded. */
FAST int prep_new_page(struct cpu *cpu, struct page *page, unsigned int order, gfp_t gfp)
{
	page->flags |= PG_head;
	page->order = (uint8_t)order;
	page->private = 0;
	if (__builtin_expect(cpu->machine->debug || gfp & (__GFP_ZERO | __GFP_ZEROTAGS), 0)) {
		int status = post_alloc_hook(cpu, page, order, gfp);

		if (status)
			return status;
	}
	if (order && gfp & __GFP_COMP)
		prep_compound_page(cpu, page, order);
	cpu->stats.allocs++;
	return 0;
}

/* __alloc_pages_slowpath(), as far as it goes: what the CPUs hold may merge into a block. */
SLOW struct page *alloc_slowpath(struct cpu *cpu, unsigned int order, gfp_t gfp)
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

static void undo_bulk(struct cpu *cpu, struct page **pages, int nr)
{
	for (int i = 0; i < nr; i++)
		undo_alloc(cpu, pages[i], 0);
}

/* As many pages as there are, up to NR, in one go over the per-CPU list. */
static int rmqueue_bulk(struct cpu *cpu, gfp_t gfp, struct page **pages, int nr)
{
	int got = 0;

	while (got < nr && (pages[got] = rmqueue(cpu, 0, gfp)))
		got++;
	return got;
}

static int init_new_pages(struct cpu *cpu, gfp_t gfp, struct page **pages, int nr)
{
	int dirty = 0;

	if (!cpu->machine->debug && !(gfp & (__GFP_ZERO | __GFP_ZEROTAGS))) {
		for (int i = 0; i < nr; i++)
			pages[i]->private = 0;
		return 0;
	}
	/* Pages that still need the clear move to the front, where init_bulk() may reorder them. */
	for (int i = 0; i < nr; i++)
		if (post_alloc_prepare(cpu, pages[i], 0, gfp)) {
			struct page *page = pages[i];

			pages[i] = pages[dirty];
			pages[dirty++] = page;
		}
	if (!dirty)
		return 0;
	return init_bulk(cpu, INIT_ALLOC, pages, dirty);
}

int machine_alloc_bulk(struct machine *machine, gfp_t gfp, struct page **pages, int nr)
{
	struct cpu *cpu = this_cpu(machine);
	int got, status;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (cpu->in_init)
		return refuse(cpu, CLEARFW_EIN_INIT, (uint64_t)nr);
	got = rmqueue_bulk(cpu, gfp, pages, nr);
	if (got < nr) {
		machine_drain(machine);
		got += rmqueue_bulk(cpu, gfp, pages + got, nr - got);
	}
	if (got < nr) {
		for (int i = 0; i < got; i++)
			free_to_lists(cpu, pages[i], 0);
		return no_memory(cpu, (uint64_t)nr, "bulk allocation");
	}
	for (int i = 0; i < nr; i++) {
		pages[i]->flags |= PG_head;
		pages[i]->order = 0;
	}
	status = init_new_pages(cpu, gfp, pages, nr);
	if (status)
		undo_bulk(cpu, pages, nr);
	else
		cpu->stats.allocs += (uint64_t)nr;
	return status;
}

static struct page *take_contig(struct machine *machine, struct zone *zone, uint32_t npages)
{
	uint32_t pfn = (zone->start_pfn + npages - 1) & ~(npages - 1);
	struct page *page = NULL;

	clearfw_lock(&zone->lock);
	for (; !page && (uint64_t)pfn + npages <= zone->end_pfn; pfn += npages)
		if (buddy_take_range(zone, pfn, npages))
			page = &machine->mem_map[pfn];
	clearfw_unlock(&zone->lock);
	return page;
}

int machine_alloc_contig(struct machine *machine, unsigned int order, gfp_t gfp, struct page **ret)
{
	struct cpu *cpu = this_cpu(machine);
	struct page *page;
	int status;

	if (!cpu)
		return -CLEARFW_ESYS;
	if (order <= MAX_PAGE_ORDER || order > MAX_CONTIG_ORDER)
		return refuse(cpu, CLEARFW_EORDER, order);
	if (cpu->in_init)
		return refuse(cpu, CLEARFW_EIN_INIT, order);
	machine_drain(machine);
	/* The kernel would migrate what is in the way; here a range is free or it is not. */
	page = take_contig(machine, &machine->zone[ZONE_NORMAL], 1u << order);
	if (!page)
		return no_memory(cpu, 1ull << order, "contiguous range");
	status = prep_new_page(cpu, page, order, gfp | __GFP_COMP);
	if (!status)
		*ret = page;
	return status;
}

/* free_page_is_bad() on each page where check_pages is on, else on the head alone. */
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

/*
 * __free_pages_prepare() up to the clear. False: the block is leaked, not cleared. *init: whether it is still
 * to be cleared, which it is after KASAN has marked it free.
 */
static bool free_pages_prepare(struct cpu *cpu, struct page *page, unsigned int order, bool *init)
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
	if (machine->page_poison)
		kernel_poison_pages(cpu, page, 1u << order);
	if (!skip_kasan_poison) {
		machine_event(machine, EVENT_KASAN_POISON_PAGES);
		kasan_poison_pages(&machine->kasan, page, order);
		if (*init && kasan_has_integrated_init(&machine->kasan)) {
			integrated_init(cpu, page, 1u << order);
			*init = false;
		}
	}
	return true;
}

/* Nobody cleared it: it stays allocated, and addressable again. */
static void undo_free(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->kasan_tag != KASAN_TAG_KERNEL || cpu->machine->config.kasan == KASAN_GENERIC)
		kasan_unpoison_pages(&cpu->machine->kasan, page, order);
}

FAST void finish_free(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->flags & PG_compound)
		destroy_compound_page(page, order);
	machine_event(cpu->machine, EVENT_ARCH_FREE_PAGE);
	free_to_lists(cpu, page, order);
	cpu->stats.frees++;
}

/* A page in no block at all is on its way to the lists: it stands twice in one list to free. */
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
static int bad_free(struct cpu *cpu, const struct page *page, unsigned int order)
{
	enum clearfw_errno code = is_free(cpu->machine, page) ? CLEARFW_EDOUBLE_FREE : CLEARFW_EFOREIGN;

	clearfw_fail(&cpu->error, code, "free");
	cpu->error.pfn = page->pfn;
	cpu->error.wanted = order;
	cpu->error.found = page->order;
	cpu->error.zone = page->zone;
	return -(int)code;
}

static inline int check_free(struct cpu *cpu, const struct page *page, unsigned int order)
{
	if (__builtin_expect(cpu->in_init, 0))
		return refuse(cpu, CLEARFW_EIN_INIT, order);
	/* A pool's huge page goes back to its pool. */
	if (__builtin_expect((page->flags & (PG_head | PG_buddy | PG_pcp | PG_hugetlb)) != PG_head ||
				     page->order != order,
			     0))
		return bad_free(cpu, page, order);
	return 0;
}

int machine_free(struct machine *machine, struct page *page, unsigned int order)
{
	struct cpu *cpu = this_cpu(machine);
	bool init = false;
	int status;

	if (__builtin_expect(!cpu, 0))
		return -CLEARFW_ESYS;
	status = check_free(cpu, page, order);
	if (__builtin_expect(status, 0))
		return status;
	if (__builtin_expect(machine->debug || page->flags & PG_hwpoison || page->mapcount, 0) &&
	    !free_pages_prepare(cpu, page, order, &init))
		return 0;
	if (__builtin_expect(init, 0)) {
		status = init_pages(cpu, INIT_FREE, page, 1u << order);
		if (status) {
			undo_free(cpu, page, order);
			return status;
		}
	}
	finish_free(cpu, page, order);
	return 0;
}

/* Prepares each page, and moves to the front those that still need the clear; *nr drops the leaked ones. */
static int prepare_bulk(struct cpu *cpu, struct page **pages, int *nr)
{
	int kept = 0, dirty = 0;

	for (int i = 0; i < *nr; i++) {
		struct page *page = pages[i];
		bool init;

		if (!free_pages_prepare(cpu, page, 0, &init))
			continue;
		pages[kept] = page;
		if (init) {
			pages[kept] = pages[dirty];
			pages[dirty++] = page;
		}
		kept++;
	}
	*nr = kept;
	return dirty;
}

/* Takes PG_head from every page, so that one listed twice is found out before anything is freed. */
static int claim_bulk(struct cpu *cpu, struct page **pages, int nr)
{
	for (int i = 0; i < nr; i++) {
		int status = check_free(cpu, pages[i], 0);

		if (status) {
			while (i--)
				pages[i]->flags |= PG_head;
			return status;
		}
		pages[i]->flags &= ~(uint32_t)PG_head;
	}
	return 0;
}

int machine_free_bulk(struct machine *machine, struct page **pages, int nr)
{
	struct cpu *cpu = this_cpu(machine);
	int status, dirty;

	if (!cpu)
		return -CLEARFW_ESYS;
	status = claim_bulk(cpu, pages, nr);
	if (status)
		return status;
	dirty = prepare_bulk(cpu, pages, &nr);
	if (dirty)
		status = init_bulk(cpu, INIT_FREE, pages, dirty);
	for (int i = 0; i < nr; i++)
		if (status) {
			undo_free(cpu, pages[i], 0);
			pages[i]->flags |= PG_head;
		} else {
			finish_free(cpu, pages[i], 0);
		}
	return status;
}

void machine_split(struct page *page, unsigned int order)
{
	for (uint32_t i = 0; i < 1u << order; i++) {
		page[i].flags |= PG_head;
		page[i].order = 0;
		page[i].private = 0;
	}
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
