/* SPDX-License-Identifier: MIT */
#include "check/examiner.h"

#include "check/crash_report.h"
#include "check/garbage.h"
#include "check/subject_stack.h"
#include "mm/contents.h"
#include "mm/cpu.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "primitives/primitive.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool examiner_examine(struct examiner *examiner, struct call *call)
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
