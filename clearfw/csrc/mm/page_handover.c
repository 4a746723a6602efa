/* SPDX-License-Identifier: MIT */
#include "mm/page_handover.h"

#include "mm/page_alloc.h"
#include "mm/page_poison.h"

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
	int status = 0;

	if (post_alloc_prepare(cpu, page, order, gfp))
		status = init_pages(cpu, INIT_ALLOC, page, 1u << order);
	if (status)
		undo_alloc(cpu, page, order);
	return status;
}

void undo_free(struct cpu *cpu, struct page *page, unsigned int order)
{
	if (page->kasan_tag != KASAN_TAG_KERNEL || cpu->machine->config.kasan == KASAN_GENERIC)
		kasan_unpoison_pages(&cpu->machine->kasan, page, order);
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
