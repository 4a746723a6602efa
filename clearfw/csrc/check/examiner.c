/* SPDX-License-Identifier: MIT */
#include "check/examiner.h"

#include "check/catch.h"
#include "check/crash_report.h"
#include "check/garbage.h"
#include "check/observe.h"
#include "check/subject_stack.h"
#include "mm/contents.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct examiner *examiner_here;

/* Findings */

static uint64_t offset_of(const struct examiner *examiner, const void *pc)
{
	size_t offset = (size_t)((const char *)pc - examiner->image);

	return offset < examiner->image_bytes ? offset : 0;
}

/* The callers, by the chain of frames that code has at -O0, and the files of check/ as well. */
static void walk_frames(const struct examiner *examiner, uint64_t *pc)
{
#if defined(__x86_64__) || defined(__aarch64__)
	const char *bottom = examiner->stack.bottom;
	void *const *frame = __builtin_frame_address(0);
	int n = 0;

	if (!examiner->observed || !examiner->running)
		return;
	while (n < FINDING_FRAMES && (size_t)((const char *)frame - bottom) < examiner->stack.nbytes - 2 * sizeof(frame)) {
		uint64_t offset = offset_of(examiner, frame[1]);

		if (offset)
			pc[n++] = offset;
		if ((void *const *)frame[0] <= frame)
			return;
		frame = frame[0];
	}
#else
	(void)examiner;
	(void)pc;
#endif
}

bool examiner_found(struct examiner *examiner, enum finding_kind kind, const void *pc, const char *format, ...)
{
	struct finding *found = &examiner->found;
	va_list arguments;

	if (found->kind != FOUND_nothing && found->kind != FOUND_peeked)
		return false;
	*found = (struct finding){ .kind = kind, .pfn = UINT64_MAX, .offset = UINT64_MAX, .byte = -1 };
	found->pc[0] = offset_of(examiner, pc);
	walk_frames(examiner, found->pc);
	va_start(arguments, format);
	vsnprintf(found->message, sizeof(found->message), format, arguments);
	va_end(arguments);
	return true;
}

/* Where PFN lies, for who was given other pages. */
static void place_text(const struct grant *grant, uint64_t pfn, char *text, size_t room)
{
	uint64_t first = grant->npages ? grant_page(grant, 0)->pfn : 0;

	if (pfn < grant->machine->max_pfn && grant->given[pfn])
		snprintf(text, room, "through an address that is not its own");
	else if (grant->kind == GRANT_LIST)
		snprintf(text, room, "which is not in the list");
	else if (grant->kind == GRANT_AREA)
		snprintf(text, room, "which is no page of the area: its pages lie anywhere");
	else if (pfn < first)
		snprintf(text, room, "page %zu before the beginning of its block", (size_t)(first - pfn));
	else
		snprintf(text, room, "page %zu after the end of its block", (size_t)(pfn - first - grant->npages + 1));
}

/* The first byte of the range that is not the subject's. */
static const char *first_outside(const struct examiner *examiner, const char *addr, size_t nbytes)
{
	size_t page = machine_page_size(examiner->machine);
	const char *at = addr;

	while (at < addr + nbytes && grant_covers(&examiner->grant, examiner->cpu, at, 1))
		at = (const char *)(((uintptr_t)at & ~(page - 1)) + page);
	return at < addr + nbytes ? at : addr;
}

bool examiner_found_outside(struct examiner *examiner, enum finding_kind kind, const void *pc, const char *did,
			    const void *addr, size_t nbytes)
{
	const char *at = first_outside(examiner, addr, nbytes);
	uint32_t pfn = grant_ram_pfn(&examiner->grant, at);
	char place[160];
	bool took;

	if (pfn == NO_PFN) {
		crash_describe_address(place, sizeof(place), examiner->cpu, at);
		return examiner_found(examiner, kind == FOUND_outside ? FOUND_crash : kind, pc, "%s address %#zx: %s",
				      did, (size_t)at, place);
	}
	place_text(&examiner->grant, pfn, place, sizeof(place));
	took = examiner_found(examiner, kind, pc, "%s byte %#zx of pfn %#x, %s", did,
			      (size_t)at & (machine_page_size(examiner->machine) - 1), pfn, place);
	if (took) {
		examiner->found.pfn = pfn;
		examiner->found.offset = (size_t)at & (machine_page_size(examiner->machine) - 1);
	}
	return took;
}

void examiner_abort(struct examiner *examiner)
{
	if (examiner->running && examiner->subject)
		siglongjmp(examiner->out, 1);
}

/* Running the subject */

struct call {
	enum init_point point;
	bool bulk;
	struct page *page;
	struct page **pages;
	const void *start;
	unsigned long n; /* pages, or bytes of an area */
	int claimed;	 /* as an init_callback says it */
	bool ended;	 /* it came back by itself */
};

static struct call *call_here;

static void ask(void)
{
	struct examiner *examiner = examiner_here;
	struct call *call = call_here;

	if (examiner->callback)
		call->claimed = examiner->callback(examiner->context, call->point,
						   call->start ? call->start : (const void *)call->page, call->n);
	else if (call->bulk)
		call->claimed = examiner->subject->init_bulk(call->pages, (int)call->n);
	else
		call->claimed = strategy_ask(examiner->subject, call->point,
					     call->start ? call->start : (const void *)call->page, call->n);
	call->ended = true;
}

static void ask_and_return(void)
{
	if (!sigsetjmp(examiner_here->out, 0))
		ask();
	examiner_here->running = false;
}

static void run(struct examiner *examiner, struct call *call)
{
	examiner->cpu = current_cpu.cpu;
	examiner->events = 0;
	examiner->ticks = 0;
	examiner->calls++;
	call_here = call;
	garbage_asked = (struct garbage_asked){ call->start ? NULL : call->pages ? call->pages[0] : call->page, call->n };
	if (examiner->callback) {
		examiner->running = true;
		ask();
		examiner->running = false;
		return;
	}
	examiner->entry = subject_stack_top(&examiner->stack);
	examiner->running = true;
	subject_stack_run(&examiner->stack, ask_and_return);
	if (call->ended && !examiner->observed) {
		size_t used = subject_stack_used(&examiner->stack);

		if (used > examiner->longest_stack)
			examiner->longest_stack = used;
	}
	subject_stack_paint(&examiner->stack);
}

/* Looking at what it left */

/* What of struct pages and counters must be as it was. */
struct before {
	struct clearfw_stats stats;
	int kmaps, kasan_depth, context;
};

static struct before look_before(const struct cpu *cpu)
{
	return (struct before){ cpu->stats, cpu->kmap.idx, cpu->kasan_depth, cpu->context };
}

static void look_at_counters(struct examiner *examiner, const struct before *before, bool ended)
{
	struct cpu *cpu = examiner->cpu;

	if (ended && cpu->incoherent &&
	    examiner_found(examiner, FOUND_incoherent, NULL, "strategy"))
		examiner->found.code = CLEARFW_EINCOHERENT;
	if (ended && cpu->kmap.idx != before->kmaps && examiner_found(examiner, FOUND_kmap, NULL, "strategy"))
		examiner->found.code = CLEARFW_EKMAP_LEAK;
	if (ended && cpu->kasan_depth != before->kasan_depth &&
	    examiner_found(examiner, FOUND_depth, NULL, "strategy"))
		examiner->found.code = CLEARFW_EKASAN_DEPTH;
	if (ended && cpu->context != before->context && examiner_found(examiner, FOUND_context, NULL, "strategy"))
		examiner->found.code =
			(cpu->context ^ before->context) & CLEARFW_IRQ ? CLEARFW_EIRQS : CLEARFW_EPREEMPT;
	/* As it was, whatever cut the call short. */
	cpu->violation = 0;
	cpu->incoherent = false;
	cpu->context = before->context;
	cpu->kasan_depth = before->kasan_depth;
	kmap_unwind(&cpu->kmap, &cpu->machine->memory, cpu->machine->config.kmap, cpu->machine->page_shift,
		    before->kmaps);
}

static bool save_struct_pages(struct examiner *examiner)
{
	const struct grant *grant = &examiner->grant;

	if (examiner->hollow)
		return true;
	if (grant->npages > examiner->saved_room) {
		struct page *saved = realloc(examiner->saved, grant->npages * sizeof(*saved));

		if (!saved)
			return false;
		examiner->saved = saved;
		examiner->saved_room = grant->npages;
	}
	for (size_t i = 0; i < grant->npages; i++)
		examiner->saved[i] = *grant_page(grant, i);
	return true;
}

static const char *changed_field(const struct page *old, const struct page *new, uint64_t *was, uint64_t *is)
{
#define FIELD(name)                            \
	if (old->name != new->name) {          \
		*was = (uint64_t)(uintptr_t)old->name; \
		*is = (uint64_t)(uintptr_t)new->name;  \
		return #name;                  \
	}
	FIELD(flags)
	FIELD(pfn)
	FIELD(virtual)
	FIELD(private)
	FIELD(order)
	FIELD(kasan_tag)
	FIELD(zone)
	FIELD(reserved)
	FIELD(mapcount)
#undef FIELD
	return NULL;
}

static void look_at_struct_pages(struct examiner *examiner)
{
	const struct grant *grant = &examiner->grant;
	uint64_t was, is;

	for (size_t i = 0; !examiner->hollow && i < grant->npages; i++) {
		struct page *page = grant_page(grant, i);
		const char *field;

		if (!memcmp(page, &examiner->saved[i], sizeof(*page)))
			continue;
		field = changed_field(&examiner->saved[i], page, &was, &is);
		if (field && examiner_found(examiner, FOUND_struct_page, NULL,
					    "changed %s of the struct page of pfn %#x from %#llx to %#llx: struct "
					    "pages are the allocator's",
					    field, examiner->saved[i].pfn, (unsigned long long)was,
					    (unsigned long long)is))
			examiner->found.pfn = examiner->saved[i].pfn;
		*page = examiner->saved[i];
	}
}

static int by_address(const void *left, const void *right)
{
	const struct page *a = *(struct page *const *)left, *b = *(struct page *const *)right;

	return a < b ? -1 : a > b;
}

/* What was passed on may have changed places; nothing comes or goes. */
static void look_at_list(struct examiner *examiner)
{
	struct grant *grant = &examiner->grant;
	size_t nbytes = grant->npages * sizeof(struct page *);

	if (grant->kind != GRANT_LIST || !memcmp(examiner->list, grant->pages, nbytes))
		return;
	qsort(examiner->list, grant->npages, sizeof(struct page *), by_address);
	qsort(grant->pages, grant->npages, sizeof(struct page *), by_address);
	if (memcmp(examiner->list, grant->pages, nbytes))
		examiner_found(examiner, FOUND_list, NULL,
			       "changed the list of pages it was given: it is its caller's");
}

static size_t page_size(const struct examiner *examiner)
{
	return machine_page_size(examiner->machine);
}

/* A window keeps what its pages hold without a look at memory. */
static void dirty_window(const struct examiner *examiner)
{
	const struct grant *grant = &examiner->grant;

	if (!grant->pages)
		machine_fill(examiner->machine, grant->first->pfn, grant->npages, GARBAGE_BYTE);
	for (size_t i = 0; grant->pages && i < grant->npages; i++)
		machine_fill(examiner->machine, grant->pages[i]->pfn, 1, GARBAGE_BYTE);
}

static void dirty(struct examiner *examiner)
{
	const struct grant *grant = &examiner->grant;

	if (examiner->machine->memory.window && !examiner->hollow) {
		dirty_window(examiner);
		return;
	}
	for (size_t i = 0; !examiner->hollow && i < grant->npages; i++)
		pattern_write(&examiner->pattern, machine_page_bytes(examiner->machine, grant_page(grant, i)),
			      page_size(examiner), i, grant->npages);
}

static void found_byte(struct examiner *examiner, enum finding_kind kind, size_t index, size_t offset, int byte)
{
	const struct grant *grant = &examiner->grant;
	const struct page *page = grant_page(grant, index);
	bool took;

	if (kind == FOUND_passed_on)
		took = examiner_found(examiner, kind, NULL,
				      "wrote to pfn %#x, page %zu of %zu, and passed it on all the same: claim what was "
				      "cleared", page->pfn, index, grant->npages);
	else
		took = examiner_found(examiner, kind, NULL,
				      "left byte %#04x at offset %#zx of pfn %#x, page %zu of %zu%s: not zero", byte,
				      offset, page->pfn, index, grant->npages,
				      grant->kind == GRANT_AREA ? " of an area" :
				      grant->kind == GRANT_LIST ? " of a list" : "");
	if (!took)
		return;
	examiner->found.pfn = page->pfn;
	examiner->found.offset = offset;
	examiner->found.byte = byte;
}

static void look_at_window(struct examiner *examiner, bool claimed)
{
	const struct grant *grant = &examiner->grant;
	size_t step = grant->pages ? 1 : grant->npages;
	struct byte_found found;

	for (size_t i = 0; i < grant->npages; i += step) {
		if (!machine_first_not(examiner->machine, grant_page(grant, i)->pfn, step, claimed ? 0 : GARBAGE_BYTE,
				       &found))
			continue;
		i += grant->pages ? 0 : found.pfn - grant->first->pfn;
		found_byte(examiner, claimed ? FOUND_dirty : FOUND_passed_on, i, found.offset, found.byte);
		return;
	}
}

/* A page is zero, or as it was dirtied. */
static void look_at_contents(struct examiner *examiner, bool claimed)
{
	const struct grant *grant = &examiner->grant;
	size_t where = 0;

	if (examiner->machine->memory.window) {
		look_at_window(examiner, claimed);
		return;
	}

	for (size_t i = 0; i < grant->npages; i++) {
		const void *bytes = machine_page_bytes(examiner->machine, grant_page(grant, i));

		if (claimed ? pattern_is_cleared(&examiner->pattern, bytes, page_size(examiner), i, &where)
			    : pattern_is_intact(&examiner->pattern, bytes, page_size(examiner), i, grant->npages, &where))
			continue;
		found_byte(examiner, claimed ? FOUND_dirty : FOUND_passed_on, i, where, ((const uint8_t *)bytes)[where]);
		return;
	}
}

static void look_at_clears(struct examiner *examiner, bool claimed)
{
	const struct grant *grant = &examiner->grant;
	uint64_t again = 0, never = 0;
	size_t first = 0;

	for (size_t i = 0; i < grant->npages; i++) {
		unsigned int times = grant->cleared[grant_page(grant, i)->pfn];

		if (!times && !never++)
			first = i;
		again += times > 1 ? times - 1 : 0;
	}
	if (claimed && again > examiner->waste) {
		examiner->waste = again;
		examiner->waste_of = grant->npages;
	}
	if (claimed && never && !examiner->hollow)
		examiner->only_core_clears = false;
	/* Where other stores than the core's were seen to clear, these may have been as well. */
	if (claimed && never && examiner->hollow && examiner->only_core_clears &&
	    examiner_found(examiner, FOUND_dirty, NULL,
			   "cleared %zu pages of %zu, and left page %zu and others dirty: a count too narrow?",
			   grant->npages - (size_t)never, grant->npages, first))
		examiner->found.pfn = grant_page(grant, first)->pfn;
	if (!claimed && never < grant->npages && examiner->hollow)
		examiner_found(examiner, FOUND_passed_on, NULL,
			       "cleared pages and passed them on all the same: claim what was cleared");
}

static void look_at_kmaps(struct examiner *examiner, const struct before *before)
{
	uint64_t kmaps = examiner->cpu->stats.kmaps - before->stats.kmaps, npages = examiner->grant.npages;

	if (kmaps <= npages || kmaps - npages <= examiner->remaps)
		return;
	examiner->remaps = kmaps - npages;
	examiner->remaps_of = npages;
}

static void look_at_stack(struct examiner *examiner)
{
	if (examiner->longest_stack > SUBJECT_STACK_MOST)
		examiner_found(examiner, FOUND_stack, NULL,
			       "used %zu bytes of stack: a kernel's is 16 KiB, of which its callers have had their part",
			       (size_t)examiner->longest_stack);
}

static void zero_pages(const struct examiner *examiner)
{
	const struct grant *grant = &examiner->grant;

	for (size_t i = 0; !examiner->hollow && !examiner->machine->memory.window && i < grant->npages; i++)
		memset(machine_page_bytes(examiner->machine, grant_page(grant, i)), 0, page_size(examiner));
}

/* The grant is given. Whether the subject claimed. */
static bool examine(struct examiner *examiner, struct call *call)
{
	struct cpu *cpu = current_cpu.cpu;
	struct before before = look_before(cpu);
	bool claimed;

	if (!save_struct_pages(examiner)) {
		if (examiner_found(examiner, FOUND_refused, NULL, "saving struct pages"))
			examiner->found.code = CLEARFW_ESYS;
		return false;
	}
	grant_open(&examiner->grant);
	dirty(examiner);
	run(examiner, call);
	claimed = call->claimed == 1;
	examiner->claims += claimed;
	look_at_counters(examiner, &before, call->ended);
	look_at_struct_pages(examiner);
	if (call->claimed < 0)
		examiner_found(examiner, FOUND_raised, NULL, "raised");
	if (call->ended) {
		look_at_list(examiner);
		look_at_stack(examiner);
		look_at_clears(examiner, claimed);
		look_at_kmaps(examiner, &before);
		if (!examiner->hollow)
			look_at_contents(examiner, claimed);
	}
	/* The allocator goes on, and hands it out or takes it back. */
	if (!examiner->grant.sealed && (!claimed || examiner->found.kind))
		zero_pages(examiner);
	grant_shut(&examiner->grant);
	if (cpu->stats.longest_clear > examiner->longest_clear)
		examiner->longest_clear = cpu->stats.longest_clear;
	grant_take(&examiner->grant);
	return claimed;
}

/* As a strategy: all is claimed, for what the subject passed on was zeroed here. */

static bool examine_pages(enum init_point point, struct page *page, int npages)
{
	struct call call = { .point = point, .page = page, .n = (unsigned long)npages };

	grant_block(&examiner_here->grant, page, (size_t)npages);
	examine(examiner_here, &call);
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
	examine(examiner, &call);
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
	claimed = examine(examiner, &call);
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
