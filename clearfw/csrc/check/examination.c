/* SPDX-License-Identifier: MIT */
#include "check/examination.h"

#include "check/catch.h"
#include "check/observe.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

static size_t page_size(const struct examiner *examiner)
{
	return machine_page_size(examiner->machine);
}

/* As a strategy: all is claimed, for what the subject passed on was zeroed here. */

static bool examine_pages(enum init_point point, struct page *page, int npages)
{
	struct call call = { .point = point, .page = page, .n = (unsigned long)npages };

	grant_block(&examiner_here->grant, page, (size_t)npages);
	examiner_examine(examiner_here, &call);
	return true;
}

static bool examine_alloc(struct page *page, int npages)
{
	return examine_pages(INIT_ALLOC, page, npages);
}

static bool examine_free(struct page *page, int npages)
{
	return examine_pages(INIT_FREE, page, npages);
}

static bool examine_vmalloc(const void *start, unsigned long nbytes)
{
	struct examiner *examiner = examiner_here;
	struct call call = { .point = INIT_VMALLOC, .start = start, .n = nbytes };
	size_t npages = (nbytes + page_size(examiner) - 1) / page_size(examiner);

	if (grant_area(&examiner->grant, start, npages))
		return false;
	examiner_examine(examiner, &call);
	return true;
}

/* The stack asks for each page of a list that is passed on. */
static bool examine_bulk(struct page **pages, int nr)
{
	struct examiner *examiner = examiner_here;
	struct call call = { .bulk = true, .n = (unsigned long)nr };
	bool claimed;

	call.pages = examiner->list = malloc((size_t)nr * sizeof(*pages));
	if (!call.pages)
		return false;
	memcpy(call.pages, pages, (size_t)nr * sizeof(*pages));
	if (grant_list(&examiner->grant, pages, (size_t)nr)) {
		free(call.pages);
		return false;
	}
	claimed = examiner_examine(examiner, &call);
	free(call.pages);
	examiner->list = NULL;
	return claimed || examiner->found.kind;
}

/* Cells */

void examiner_begin(struct examiner *examiner)
{
	examiner->found = (struct finding){ .kind = FOUND_nothing };
	examiner->exhausted = false;
	examiner->calls = examiner->claims = 0;
	examiner->new_blocks = examiner->new_sites = 0;
	examiner->longest_stack = 0;
	machine_reset_stats(examiner->machine);
}

/* As post_alloc_prepare() and free_pages_prepare() leave it, where they go on to ask a strategy. */
static void prepare_kasan(struct machine *machine, enum init_point point, struct page *page, unsigned int order)
{
	if (machine->config.kasan == KASAN_HW_TAGS) {
		kasan_reset_page_tags(&machine->kasan, page, 1u << order);
		return;
	}
	kasan_unpoison_pages(&machine->kasan, page, order);
	if (point == INIT_FREE)
		kasan_poison_pages(&machine->kasan, page, order);
}

/* NPAGES in blocks, whose sizes are powers of two as kasan's functions have them. */
static void prepare_pages(struct machine *machine, enum init_point point, struct page *page, unsigned int npages)
{
	while (npages) {
		unsigned int order = 31u - (unsigned int)__builtin_clz(npages);

		prepare_kasan(machine, point, page, order);
		page += 1u << order;
		npages -= 1u << order;
	}
}

/* As of a block just taken, or on its way back: prep_new_page(). */
static void prepare_struct_page(struct page *page, bool head, const uint64_t *private)
{
	page->flags = (page->flags & PG_highmem) | (head ? PG_head : 0);
	page->private = private ? (unsigned long)*private : 0;
	page->order = 0;
	page->mapcount = 0;
}

static void put_back(struct page *page, struct page was)
{
	was.kasan_tag = page->kasan_tag;
	*page = was;
}

void examine_block(struct examiner *examiner, enum init_point point, struct page *page, unsigned int npages,
		   const uint64_t *private)
{
	struct page *was = NULL;

	if (!examiner->hollow) {
		was = malloc(npages * sizeof(*was));
		if (!was)
			return;
		memcpy(was, page, npages * sizeof(*was));
		for (unsigned int i = 0; i < npages; i++)
			prepare_struct_page(page + i, i == 0, private);
		if (!(npages & (npages - 1)))
			page->order = (uint8_t)__builtin_ctz(npages);
		prepare_pages(examiner->machine, point, page, npages);
	}
	init_pages(this_cpu(examiner->machine), point, page, npages);
	for (unsigned int i = 0; was && i < npages; i++)
		put_back(page + i, was[i]);
	free(was);
}

void examine_list(struct examiner *examiner, enum init_point point, struct page **pages, int nr,
		  const uint64_t *private)
{
	struct page *was = malloc((size_t)nr * sizeof(*was));
	struct page **list = malloc((size_t)nr * sizeof(*list)); /* the stack changes their places */

	for (int i = 0; was && list && i < nr; i++) {
		was[i] = *pages[i];
		list[i] = pages[i];
		prepare_struct_page(pages[i], true, private);
		prepare_kasan(examiner->machine, point, pages[i], 0);
	}
	if (was && list)
		init_bulk(this_cpu(examiner->machine), point, list, nr);
	for (int i = 0; was && list && i < nr; i++)
		put_back(pages[i], was[i]);
	free(was);
	free(list);
}

void examine_area(struct examiner *examiner, const void *start, unsigned long nbytes, const uint64_t *private)
{
	struct machine *machine = examiner->machine;
	size_t npages = (nbytes + page_size(examiner) - 1) / page_size(examiner);
	unsigned long was = 0;

	for (size_t i = 0; private && i < npages; i++) {
		struct page *page = vmalloc_to_page(machine, (const char *)kasan_untagged(start) + i * page_size(examiner));

		was = page->private;
		page->private = (unsigned long)*private;
	}
	init_vmalloc(this_cpu(machine), start, nbytes);
	for (size_t i = 0; private && i < npages; i++)
		vmalloc_to_page(machine, (const char *)kasan_untagged(start) + i * page_size(examiner))->private = was;
}

/* Beginning and end */

/* Stores that another CPU may see late, as far as the core can tell: whatever this CPU has, a fence is asked for. */
static void (*kernel_zero)(void *addr, size_t nbytes);

static void weak_zero(void *addr, size_t nbytes)
{
	kernel_zero(addr, nbytes);
}

static void weak_fence(void)
{
}

static const struct clearfw_primitive weak_primitive = {
	.abi = CLEARFW_ABI,
	.size = sizeof(struct clearfw_primitive),
	.name = "weak",
	.instruction = "stores that count as weakly ordered",
	.zero = weak_zero,
	.fence = weak_fence,
};

static int bind_points(struct examiner *examiner, unsigned int points, struct clearfw_error *err)
{
	const struct clearfw_strategy *chain = &examiner->strategy;

	examiner->strategy = (struct clearfw_strategy){
		.abi = CLEARFW_ABI,
		.size = sizeof(struct clearfw_strategy),
		.name = "examiner",
		.init_on_alloc = points & 1u << INIT_ALLOC ? examine_alloc : NULL,
		.init_on_free = points & 1u << INIT_FREE ? examine_free : NULL,
		.init_on_vmalloc = points & 1u << INIT_VMALLOC ? examine_vmalloc : NULL,
		.init_bulk = examiner->subject && examiner->subject->init_bulk ? examine_bulk : NULL,
	};
	for (int point = 0; point < NR_INIT_POINTS; point++)
		if (init_point_bind(examiner->machine, (enum init_point)point, &chain, 1))
			return clearfw_fail(err, CLEARFW_ESYS, "binding the examiner");
	return 0;
}

static int start(struct examiner *examiner, struct machine *machine, unsigned int points, struct clearfw_error *err)
{
	int status = grant_init(&examiner->grant, machine, err);

	examiner->machine = machine;
	examiner->pattern.word = GARBAGE_BYTE * (UINT64_MAX / UINT8_MAX);
	examiner->patience_ns = 5000000000;
	examiner->max_events = UINT64_MAX;
	examiner->only_core_clears = true;
	if (!status && !this_cpu(machine))
		status = clearfw_fail(err, CLEARFW_ESYS, "attaching to the machine");
	if (!status)
		status = subject_stack_init(&examiner->stack, err);
	if (!status)
		status = bind_points(examiner, points, err);
	kernel_zero = primitive_by_name("kernel")->zero;
	machine_set_primitive(machine, &weak_primitive);
	return status;
}

/* Where the object is that has the subject, and how far it reaches. */
static int find_image(struct dl_phdr_info *info, size_t size, void *context)
{
	struct examiner *examiner = context;
	uintptr_t end = 0, subject = (uintptr_t)examiner->subject;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > end)
			end = segment->p_vaddr + segment->p_memsz;
	}
	if (subject < info->dlpi_addr || subject >= info->dlpi_addr + end)
		return 0;
	examiner->image = (const char *)info->dlpi_addr;
	examiner->image_bytes = end;
	return 1;
}

static int start_observing(struct examiner *examiner, struct clearfw_error *err)
{
	dl_iterate_phdr(find_image, examiner);
	if (!examiner->observed)
		return 0;
	examiner->seen = calloc(1, examiner->image_bytes + 1);
	examiner->sites = calloc(EXAMINER_SITES, sizeof(*examiner->sites));
	*examiner->observed->observer = &observe_observer;
	return examiner->seen && examiner->sites ? 0 : clearfw_fail(err, CLEARFW_ESYS, "room for what is observed");
}

int examiner_init(struct examiner *examiner, struct machine *machine, const struct clearfw_strategy *subject,
		  const struct clearfw_observed *observed, struct clearfw_error *err)
{
	unsigned int points = 0;
	int status;

	*examiner = (struct examiner){ .subject = subject, .observed = observed };
	for (int point = 0; point < NR_INIT_POINTS; point++)
		points |= (unsigned int)strategy_has_point(subject, (enum init_point)point) << point;
	status = start(examiner, machine, points, err);
	if (!status)
		status = start_observing(examiner, err);
	if (status) {
		examiner_deinit(examiner);
		return status;
	}
	examiner->table = observe_core_table();
	*subject->core = examiner->table;
	examiner_here = examiner;
	catch_begin();
	return 0;
}

int examiner_init_callback(struct examiner *examiner, struct machine *machine, init_callback callback, void *context,
			   unsigned int points, struct clearfw_error *err)
{
	int status;

	*examiner = (struct examiner){ .callback = callback, .context = context };
	status = start(examiner, machine, points, err);
	if (status) {
		examiner_deinit(examiner);
		return status;
	}
	examiner_here = examiner;
	catch_begin();
	return 0;
}

void examiner_deinit(struct examiner *examiner)
{
	if (examiner_here == examiner) {
		catch_end();
		examiner_here = NULL;
	}
	if (examiner->observed)
		*examiner->observed->observer = NULL;
	if (examiner->machine)
		machine_set_primitive(examiner->machine, primitive_by_name("kernel"));
	grant_deinit(&examiner->grant);
	subject_stack_deinit(&examiner->stack);
	free(examiner->seen);
	free(examiner->sites);
	free(examiner->saved);
}
