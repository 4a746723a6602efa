/* SPDX-License-Identifier: MIT */
#include "check/observe.h"

#include "check/examiner.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/strategy_api.h"
#include "mm/vmalloc.h"

#define HERE __builtin_return_address(0)
/* Below the innermost frame: what a leaf function may use without moving the stack pointer (System V ABI). */
#define RED_ZONE 128
/* An index that is one too large, or a few. */
#define NEAR_LIST 64

/* Addresses */

static bool is_tagged(const struct examiner *examiner, const void *addr)
{
	return kasan_uses_tags(&examiner->machine->kasan) && kasan_untagged(addr) != addr;
}

static void found_tag(struct examiner *examiner, const void *pc)
{
	examiner_found(examiner, FOUND_tag, pc,
		       "used an address with a KASAN tag still in it: kasan_reset_tag() it first");
}

/* What the core's own uninstrumented code is about to write: no KASAN, but every other rule. */
static bool may_clear(struct examiner *examiner, const void *addr, unsigned int npages, const void *pc)
{
	size_t nbytes = (size_t)npages << examiner->machine->page_shift;

	if (!npages)
		examiner_found(examiner, FOUND_zero_pages, pc,
			       "called clear_pages() with 0 pages: the generic one is a do-while loop that counts down,"
			       " and clears 2^32 of them");
	else if (is_tagged(examiner, addr))
		found_tag(examiner, pc);
	else if (!grant_covers(&examiner->grant, examiner->cpu, addr, nbytes))
		examiner_found_outside(examiner, FOUND_outside, pc, "cleared", addr, nbytes);
	else {
		grant_count_clear(&examiner->grant, examiner->cpu, addr, npages);
		return true;
	}
	return false;
}

bool observe_may_clear(const void *addr, unsigned int npages)
{
	return !examiner_here || !examiner_here->running || may_clear(examiner_here, addr, npages, NULL);
}

static bool may_map(struct examiner *examiner, const struct page *page, const void *pc)
{
	const struct machine *machine = examiner->machine;

	if (page < machine->mem_map || page >= machine->mem_map + machine->max_pfn)
		examiner_found(examiner, FOUND_crash, pc, "called kmap_local_page() of what is no struct page");
	else if (!examiner->grant.given[page->pfn])
		examiner_found_outside(examiner, FOUND_outside, pc, "mapped", machine_page_bytes(machine, page),
				       machine_page_size(machine));
	else
		return true;
	return false;
}

static enum finding_kind kind_of(int violation)
{
	switch (violation) {
	case CLEARFW_EIRQS:
	case CLEARFW_EPREEMPT:
		return FOUND_context;
	case CLEARFW_EKMAP_FULL:
	case CLEARFW_EKMAP_ORDER:
	case CLEARFW_EKMAP_LEAK:
		return FOUND_kmap;
	default:
		return FOUND_refused;
	}
}

/* What the core notes instead of refusing it at once. */
static void take_violation(struct examiner *examiner, const void *pc)
{
	struct cpu *cpu = examiner->cpu;

	if (!cpu->violation)
		return;
	if (examiner_found(examiner, kind_of(cpu->violation), pc, "strategy"))
		examiner->found.code = cpu->violation;
	examiner_abort(examiner);
}

/* The table */

static void observe_clear_pages(void *addr, unsigned int npages)
{
	if (!may_clear(examiner_here, addr, npages, HERE))
		examiner_abort(examiner_here);
	if (!examiner_here->hollow)
		clearfw_core_table.clear_pages(addr, npages);
}

static void observe_clear_pages_incoherent(void *addr, unsigned int npages)
{
	if (!may_clear(examiner_here, addr, npages, HERE))
		examiner_abort(examiner_here);
	if (!examiner_here->hollow)
		clearfw_core_table.clear_pages_incoherent(addr, npages);
}

static void observe_clear_pages_with(enum clearfw_instruction instruction, void *addr, unsigned int npages)
{
	if (!may_clear(examiner_here, addr, npages, HERE))
		examiner_abort(examiner_here);
	if (!examiner_here->hollow)
		clearfw_core_table.clear_pages_with(instruction, addr, npages);
}

static void observe_tag_clear_pages(struct page *page, unsigned int npages, bool clear)
{
	struct examiner *examiner = examiner_here;

	for (unsigned int i = 0; i < npages; i++)
		if (!may_map(examiner, page + i, HERE))
			examiner_abort(examiner);
	clearfw_core_table.tag_clear_pages(page, npages, clear && !examiner->hollow);
	for (unsigned int i = 0; clear && i < npages; i++)
		examiner->grant.cleared[page[i].pfn]++;
}

static void refuse_kasan(struct examiner *examiner, const void *pc, const char *did)
{
	const struct kasan_report *report = &examiner->cpu->kasan_report;

	if (examiner_found(examiner, FOUND_kasan, pc,
			   "%s memory that KASAN does not let through (shadow or tag %#04x): guard it with "
			   "kasan_disable_current() and kasan_enable_current(), and kasan_reset_tag()",
			   did, report->memory_tag) &&
	    report->pfn != NO_PFN)
		examiner->found.pfn = report->pfn;
	examiner_abort(examiner);
}

static void *observe_memset(void *addr, int c, size_t nbytes)
{
	struct examiner *examiner = examiner_here;
	struct cpu *cpu = examiner->cpu;
	uint64_t reports = cpu->stats.kasan_reports;
	size_t page = machine_page_size(examiner->machine);
	char *untagged = kasan_untagged(addr);
	void *written;

	if (nbytes && !grant_covers(&examiner->grant, cpu, untagged, nbytes)) {
		examiner_found_outside(examiner, FOUND_outside, HERE, "wrote to", untagged, nbytes);
		examiner_abort(examiner);
	}
	written = examiner->hollow ? addr : clearfw_core_table.memset(addr, c, nbytes);
	if (cpu->stats.kasan_reports != reports)
		refuse_kasan(examiner, HERE, "called memset() of");
	if (!c && ((uintptr_t)untagged & (page - 1)) == 0)
		grant_count_clear(&examiner->grant, cpu, untagged, nbytes >> examiner->machine->page_shift);
	return written;
}

bool observe_may_map(const struct page *page)
{
	return !examiner_here || !examiner_here->running || may_map(examiner_here, page, NULL);
}

static void *observe_kmap_local_page(struct page *page)
{
	struct examiner *examiner = examiner_here;
	void *addr;

	if (!may_map(examiner, page, HERE))
		examiner_abort(examiner);
	addr = clearfw_core_table.kmap_local_page(page);
	take_violation(examiner, HERE);
	return addr;
}

static void observe_kunmap_local(const void *addr)
{
	clearfw_core_table.kunmap_local(addr);
	take_violation(examiner_here, HERE);
}

static void observe_might_sleep(const char *what)
{
	examiner_found(examiner_here, FOUND_sleep, HERE,
		       "called %s(): an init point may run under a spinlock, where nothing may sleep", what);
	clearfw_core_table.might_sleep(what);
}

static void observe_warn(const char *file, int line, const char *what)
{
	examiner_found(examiner_here, FOUND_warning, HERE, "WARN_ON(%s) fired at line %d", what, line);
	clearfw_core_table.warn(file, line, what);
}

static bool observe_irqs_set(bool on)
{
	bool were_off = clearfw_core_table.irqs_set(on);

	take_violation(examiner_here, HERE);
	return were_off;
}

static __attribute__((noreturn)) void observe_bug(const char *file, int line, const char *what)
{
	examiner_found(examiner_here, FOUND_warning, HERE, "kernel BUG at line %d: %s", line, what);
	examiner_abort(examiner_here);
	clearfw_core_table.bug(file, line, what);
}

const struct clearfw_core *observe_core_table(void)
{
	static struct clearfw_core table;

	table = clearfw_core_table;
	table.clear_pages = observe_clear_pages;
	table.clear_pages_incoherent = observe_clear_pages_incoherent;
	table.memset = observe_memset;
	table.kmap_local_page = observe_kmap_local_page;
	table.kunmap_local = observe_kunmap_local;
	table.might_sleep = observe_might_sleep;
	table.warn = observe_warn;
	table.clear_pages_with = observe_clear_pages_with;
	table.tag_clear_pages = observe_tag_clear_pages;
	table.irqs_set = observe_irqs_set;
	table.bug = observe_bug;
	return &table;
}

/* What the compiler put in */

/* A loop without an end must not be waited for; nor can 2^30 stores be. */
static void count_event(struct examiner *examiner)
{
	if (__builtin_expect(++examiner->events <= examiner->max_events, 1))
		return;
	examiner->exhausted = true;
	examiner_abort(examiner);
}

static bool is_between(const void *addr, const void *start, size_t nbytes)
{
	return (uintptr_t)addr - (uintptr_t)start < nbytes;
}

static void share(struct examiner *examiner, const char *addr, const void *pc)
{
	uint64_t offset = (uint64_t)(addr - examiner->image);

	for (int i = 0; i < examiner->nr_shared; i++)
		if (examiner->shared[i] == offset)
			return;
	if (examiner->nr_shared == EXAMINER_SHARED)
		return;
	examiner->shared_pc[examiner->nr_shared] = (uint64_t)((const char *)pc - examiner->image);
	examiner->shared[examiner->nr_shared++] = offset;
}

static const char *field_at(size_t offset)
{
	if (offset >= offsetof(struct page, mapcount))
		return "mapcount";
	if (offset >= offsetof(struct page, order))
		return offset == offsetof(struct page, kasan_tag) ? "kasan_tag" : "order and zone";
	if (offset >= offsetof(struct page, private))
		return "private";
	return offset < offsetof(struct page, pfn) ? "flags" : "pfn and address";
}

static void found_struct_page(struct examiner *examiner, size_t offset, const void *pc)
{
	size_t pfn = offset / sizeof(struct page);

	if (examiner_found(examiner, FOUND_struct_page, pc,
			   "changed %s of the struct page of pfn %#zx: struct pages are the allocator's",
			   field_at(offset % sizeof(struct page)), pfn))
		examiner->found.pfn = pfn;
}

/*
 * Behind the last page of a section there may be no struct page. page_to_pfn() and page_address() are arithmetic in
 * the kernel: what they load here, they may.
 */
static void look_at_load(struct examiner *examiner, size_t offset, const void *pc)
{
	size_t pfn = offset / sizeof(struct page), field = offset % sizeof(struct page);

	if (examiner->grant.given[pfn] || field == offsetof(struct page, pfn) ||
	    field == offsetof(struct page, virtual))
		return;
	if (examiner_found(examiner, FOUND_peeked, pc, "read %s of the struct page of pfn %#zx, which it was not given",
			   field_at(field), pfn))
		examiner->found.pfn = pfn;
}

/* Beside the list of pages: the caller's stack, or another's memory. */
static bool is_beside_the_list(const struct examiner *examiner, const char *addr)
{
	return examiner->grant.kind == GRANT_LIST &&
	       is_between(addr, (const char *)examiner->list - NEAR_LIST,
			  examiner->grant.npages * sizeof(struct page *) + 2 * NEAR_LIST);
}

/* Not of the pages: whether it may be touched all the same. */
static bool is_other_place(struct examiner *examiner, const char *addr, bool store, bool atomic, const void *pc)
{
	const struct machine *machine = examiner->machine;
	size_t map_bytes = (size_t)machine->max_pfn * sizeof(struct page);

	if (is_between(addr, examiner->image, examiner->image_bytes)) {
		if (store && !atomic)
			share(examiner, addr, pc);
		return true;
	}
	if (examiner->grant.kind == GRANT_LIST &&
	    is_between(addr, examiner->list, examiner->grant.npages * sizeof(struct page *)))
		return true;
	if (is_between(addr, machine->mem_map, map_bytes)) {
		if (!store) {
			look_at_load(examiner, (size_t)(addr - (const char *)machine->mem_map), pc);
			return true;
		}
		found_struct_page(examiner, (size_t)(addr - (const char *)machine->mem_map), pc);
		examiner_abort(examiner);
	}
	return !store && is_between(addr, examiner->table, sizeof(*examiner->table));
}

/* mm/kasan/generic.c:check_region_inline, 7.3: loads and stores that the compiler instruments. */
static void check_kasan(struct examiner *examiner, const char *addr, size_t nbytes, bool store, const void *pc)
{
	const struct kasan *kasan = &examiner->machine->kasan;

	if (kasan->mode != KASAN_GENERIC || examiner->cpu->kasan_depth)
		return;
	if (!kasan_check_write(kasan, addr, nbytes, &examiner->cpu->kasan_report))
		refuse_kasan(examiner, pc, store ? "wrote to" : "read");
}

static void observe_access(const void *addr, size_t nbytes, bool store, bool atomic, const void *pc)
{
	struct examiner *examiner = examiner_here;
	const char *bottom = (const char *)__builtin_frame_address(0) - RED_ZONE;

	if (!examiner || !examiner->running)
		return;
	count_event(examiner);
	if (is_between(addr, bottom, (size_t)(examiner->entry - bottom)))
		return;
	if (is_tagged(examiner, addr)) {
		found_tag(examiner, pc);
		examiner_abort(examiner);
	}
	if (grant_covers(&examiner->grant, examiner->cpu, addr, nbytes)) {
		check_kasan(examiner, addr, nbytes, store, pc);
		return;
	}
	if (is_other_place(examiner, addr, store, atomic, pc))
		return;
	if (is_beside_the_list(examiner, addr)) {
		examiner_found(examiner, store ? FOUND_list : FOUND_peeked, pc,
			       "%s the list of pages beyond its %zu entries", store ? "wrote to" : "read",
			       examiner->grant.npages);
		if (store)
			examiner_abort(examiner);
		return;
	}
	if (store) {
		examiner_found_outside(examiner, FOUND_outside, pc, "wrote to", addr, nbytes);
		examiner_abort(examiner);
	} else if (grant_ram_pfn(&examiner->grant, addr) != NO_PFN) {
		examiner_found_outside(examiner, FOUND_peeked, pc, "read", addr, nbytes);
	}
	/* Elsewhere it faults, or is a constant of the C library. */
}

static void observe_enter(const void *frame)
{
	(void)frame;
	if (examiner_here && examiner_here->running)
		count_event(examiner_here);
}

static void observe_block(const void *pc)
{
	struct examiner *examiner = examiner_here;
	size_t offset;

	if (!examiner || !examiner->running)
		return;
	count_event(examiner);
	offset = (size_t)((const char *)pc - examiner->image);
	if (offset < examiner->image_bytes && !examiner->seen[offset]) {
		examiner->seen[offset] = 1;
		examiner->new_blocks++;
	}
}

static struct compare_site *find_site(struct examiner *examiner, uint64_t pc)
{
	for (uint64_t i = pc * 0x9e3779b97f4a7c15u >> 40, n = 0; n < EXAMINER_SITES; i++, n++) {
		struct compare_site *site = &examiner->sites[i % EXAMINER_SITES];

		if (site->pc == pc || !site->pc)
			return site;
	}
	return NULL;
}

static void observe_compare(uint64_t left, uint64_t right, bool constant, const void *pc)
{
	struct examiner *examiner = examiner_here;
	uint64_t offset;
	struct compare_site *site;

	if (!examiner || !examiner->running)
		return;
	count_event(examiner);
	offset = (uint64_t)((const char *)pc - examiner->image);
	site = find_site(examiner, offset);
	if (!site)
		return;
	if (!site->pc) {
		*site = (struct compare_site){ .pc = offset, .left = left, .right = right, .constant = constant };
		examiner->new_sites++;
	}
	site->left_varies |= site->left != left;
	site->right_varies |= site->right != right;
}

const struct clearfw_observer observe_observer = {
	.access = observe_access,
	.enter = observe_enter,
	.block = observe_block,
	.compare = observe_compare,
};
