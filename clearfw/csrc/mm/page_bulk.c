/* SPDX-License-Identifier: MIT */
/* Lists of order-0 pages, cleared as one batch. */
#include "mm/page_bulk.h"

#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/page_prep.h"

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
	int dirty = 0, status;

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
	/* Under the lock of the per-CPU lists, where the kernel's alloc_pages_bulk_noprof() prepares them. */
	cpu->context += CLEARFW_PREEMPT;
	status = init_bulk(cpu, INIT_ALLOC, pages, dirty);
	cpu->context -= CLEARFW_PREEMPT;
	return status;
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
