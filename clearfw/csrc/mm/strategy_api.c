/* SPDX-License-Identifier: MIT */
/* Each function acts on the machine whose init point this thread is inside. */

#include "mm/strategy_api.h"

#include "mm/boot.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cpu *cpu_here(void)
{
	return current_cpu.cpu;
}

/*
 * arm64 ignores the top byte of a user-space address (Documentation/arch/arm64/tagged-pointers.rst), and so a tag
 * that was not reset would go unnoticed where every other architecture faults by itself.
 */
static inline void fault_on_tag(const void *addr)
{
#ifdef __aarch64__
	while (__builtin_expect(kasan_untagged(addr) != addr, 0))
		raise(SIGSEGV);
#else
	(void)addr;
#endif
}

static void blame(struct cpu *cpu, enum clearfw_errno what)
{
	if (!cpu->violation)
		cpu->violation = what;
}

/*
 * The generic clear_pages() clears a page and then counts down (include/linux/mm.h, 7.3): from 0 it goes on for 2^32
 * pages. x86 has its own, to which 0 pages are none.
 */
static __attribute__((cold)) void clear_no_pages(struct cpu *cpu)
{
	cpu->stats.zero_clears++;
#ifndef __x86_64__
	blame(cpu, CLEARFW_EZERO_PAGES);
#endif
}

static inline const struct clearfw_primitive *begin_clear(struct cpu *cpu, const void *addr, unsigned int npages)
{
	unsigned int size = npages > 1 ? 31u - (unsigned int)__builtin_clz(npages) : 0;

	fault_on_tag(addr);
	if (__builtin_expect(!npages, 0))
		clear_no_pages(cpu);
	cpu->stats.clear_calls++;
	cpu->stats.cleared_pages += npages;
	if (__builtin_expect(npages > cpu->stats.longest_clear, 0))
		cpu->stats.longest_clear = npages;
	return cpu->machine->primitive[size < NR_PRIMITIVE_SIZES ? size : NR_PRIMITIVE_SIZES - 1];
}

static void clear_incoherent(struct cpu *cpu, const struct clearfw_primitive *primitive, void *addr,
			     unsigned int npages)
{
	primitive->zero(addr, (size_t)npages << cpu->machine->page_shift);
	/* Until clear_page_make_coherent(), which is to come before the init point returns. */
	if (primitive->fence)
		cpu->incoherent = true;
}

static void clear_pages_incoherent(void *addr, unsigned int npages)
{
	struct cpu *cpu = cpu_here();

	clear_incoherent(cpu, begin_clear(cpu, addr, npages), addr, npages);
}

static void clear_pages_with(enum clearfw_instruction instruction, void *addr, unsigned int npages)
{
	struct cpu *cpu = cpu_here();
	const struct clearfw_primitive *usual = begin_clear(cpu, addr, npages);
	const struct clearfw_primitive *named = cpu->machine->instruction[instruction];

	clear_incoherent(cpu, named ? named : usual, addr, npages);
}

static void fence(struct cpu *cpu, const struct clearfw_primitive *primitive)
{
	primitive->fence();
	cpu->stats.fences++;
}

void api_clear_pages(void *addr, unsigned int npages)
{
	struct cpu *cpu = cpu_here();
	const struct clearfw_primitive *primitive = begin_clear(cpu, addr, npages);

	primitive->zero(addr, (size_t)npages << cpu->machine->page_shift);
	if (primitive->fence)
		fence(cpu, primitive);
}

static const struct clearfw_primitive *first_fenced(const struct clearfw_primitive *const *primitive, int nr)
{
	for (int i = 0; i < nr; i++)
		if (primitive[i] && primitive[i]->fence)
			return primitive[i];
	return NULL;
}

/* One fence orders whatever was under way: on no architecture do two primitives need two kinds. */
static void clear_page_make_coherent(void)
{
	struct cpu *cpu = cpu_here();
	struct machine *machine = cpu->machine;
	const struct clearfw_primitive *fenced = first_fenced(machine->primitive, NR_PRIMITIVE_SIZES);

	if (!fenced && cpu->incoherent)
		fenced = first_fenced(machine->instruction, CLEARFW_NR_INSTRUCTIONS);
	cpu->incoherent = false;
	if (fenced)
		fence(cpu, fenced);
}

/* mm/kasan/shadow.c:memset, 7.3; kasan_depth suppresses the report, and so lets the write through. */
void *api_memset(void *addr, int c, size_t nbytes)
{
	struct cpu *cpu = cpu_here();
	struct kasan *kasan = &cpu->machine->kasan;
	bool suppressed = cpu->kasan_depth && kasan->mode != KASAN_HW_TAGS;

	cpu->stats.memsets++;
	cpu->stats.memset_bytes += nbytes;
	if (kasan->mode == KASAN_OFF)
		return memset(addr, c, nbytes);
	if (!suppressed && !kasan_check_write(kasan, addr, nbytes, &cpu->kasan_report)) {
		cpu->stats.kasan_reports++;
		return NULL;
	}
	memset(kasan_untagged(addr), c, nbytes);
	return addr;
}

void *api_kmap_local_page(struct page *page)
{
	struct cpu *cpu = cpu_here();
	struct machine *machine = cpu->machine;
	int status = 0;
	void *addr;

	if (page->virtual)
		return kasan_uses_tags(&machine->kasan) ? kasan_tagged(page->virtual, page->kasan_tag)
							: page->virtual;
	cpu->stats.kmaps++;
	addr = kmap_local(&cpu->kmap, &machine->memory, machine->config.kmap, machine->page_shift, page, &status);
	if (status)
		blame(cpu, (enum clearfw_errno)-status);
	return addr;
}

void api_kunmap_local(const void *addr)
{
	struct cpu *cpu = cpu_here();
	struct machine *machine = cpu->machine;
	int status = kunmap(&cpu->kmap, &machine->memory, machine->config.kmap, machine->page_shift,
			    kasan_untagged(addr));

	if (status)
		blame(cpu, (enum clearfw_errno)-status);
}

static struct page *pfn_to_page(unsigned long pfn)
{
	return machine_pfn_to_page(cpu_here()->machine, pfn);
}

/* Only the direct map translates by arithmetic: a vmalloc address has no page this way (Rutland, 2023). */
static struct page *virt_to_page(const void *addr)
{
	struct machine *machine = cpu_here()->machine;
	size_t offset = (size_t)((const char *)kasan_untagged(addr) - machine->memory.direct);

	return offset < machine->memory.lowmem ? machine_pfn_to_page(machine, offset >> machine->page_shift) : NULL;
}

struct page *api_vmalloc_to_page(const void *addr)
{
	struct cpu *cpu = cpu_here();

	cpu->stats.page_walks++;
	return vmalloc_to_page(cpu->machine, addr);
}

static unsigned int api_vmalloc_run(const void *addr, unsigned int max, struct page **first)
{
	struct cpu *cpu = cpu_here();

	cpu->stats.page_walks++;
	return vmalloc_run(cpu->machine, addr, max, first);
}

static bool api_is_vmalloc_addr(const void *addr)
{
	return is_vmalloc_addr(cpu_here()->machine, addr);
}

void api_kasan_depth_add(int delta)
{
	cpu_here()->kasan_depth += delta;
}

static void might_sleep(const char *what)
{
	struct cpu *cpu = cpu_here();

	(void)what;
	if (cpu->in_init)
		cpu->stats.sleeps++;
}

static void warn(const char *file, int line, const char *what)
{
	(void)file;
	(void)line;
	(void)what;
	cpu_here()->stats.warnings++;
}

static int bug_fd = STDERR_FILENO;

void api_report_bugs_to(int fd)
{
	bug_fd = fd;
}

/* No code may run after it, in the strategy or in its caller. */
static __attribute__((noreturn)) void bug(const char *file, int line, const char *what)
{
	dprintf(bug_fd, "kernel BUG at %s:%d: %s\n", file, line, what);
	abort();
}

static void tag_clear_pages(struct page *page, unsigned int npages, bool clear)
{
	struct cpu *cpu = cpu_here();
	struct machine *machine = cpu->machine;

	kasan_set_memory_tags(&machine->kasan, page, npages, 0);
	if (!clear)
		return;
	cpu->stats.clear_calls++;
	cpu->stats.cleared_pages += npages;
	memset(machine_page_bytes(machine, page), 0, (size_t)npages << machine->page_shift);
}

static bool preempt_model_preemptible(void)
{
	enum clearfw_preempt preempt = cpu_here()->machine->config.preempt;

	return preempt == PREEMPT_LAZY || preempt == PREEMPT_FULL;
}

static unsigned int context(void)
{
	return (unsigned int)cpu_here()->context;
}

static void context_add(int delta)
{
	cpu_here()->context += delta;
}

static void irqs_restore(bool off)
{
	struct cpu *cpu = cpu_here();

	cpu->context = off ? cpu->context | CLEARFW_IRQ : cpu->context & ~CLEARFW_IRQ;
}

static bool irqs_set(bool on)
{
	struct cpu *cpu = cpu_here();
	bool were_off = cpu->context & CLEARFW_IRQ;

	/* Pages are allocated and freed with interrupts disabled, too: only local_irq_restore() knows. */
	if (on)
		blame(cpu, CLEARFW_EIRQS);
	irqs_restore(!on);
	return were_off;
}

static bool page_is_mapped(struct machine *machine, const char *addr)
{
	size_t offset = (size_t)(addr - machine->memory.direct);

	return (offset >= machine->memory.start && offset < machine->memory.lowmem) || vmalloc_to_page(machine, addr) ||
	       kmap_to_pfn(&cpu_here()->kmap, machine->page_shift, addr) != NO_PFN;
}

bool api_is_mapped(struct machine *machine, const void *addr, size_t nbytes)
{
	size_t page = machine_page_size(machine);

	/* A tag is not part of any address: left on, it faults. */
	if (kasan_untagged(addr) != addr || (uintptr_t)addr + nbytes < (uintptr_t)addr)
		return false;
	for (uintptr_t at = (uintptr_t)addr & ~(page - 1); at < (uintptr_t)addr + nbytes; at += page)
		if (!page_is_mapped(machine, (const char *)at))
			return false;
	return true;
}

const struct clearfw_core clearfw_core_table = {
	.abi = CLEARFW_ABI,
	.size = sizeof(struct clearfw_core),
	.clear_pages = api_clear_pages,
	.clear_pages_incoherent = clear_pages_incoherent,
	.clear_page_make_coherent = clear_page_make_coherent,
	.memset = api_memset,
	.kmap_local_page = api_kmap_local_page,
	.kunmap_local = api_kunmap_local,
	.pfn_to_page = pfn_to_page,
	.virt_to_page = virt_to_page,
	.vmalloc_to_page = api_vmalloc_to_page,
	.is_vmalloc_addr = api_is_vmalloc_addr,
	.kasan_depth_add = api_kasan_depth_add,
	.might_sleep = might_sleep,
	.warn = warn,
	.vmalloc_run = api_vmalloc_run,
	.clear_pages_with = clear_pages_with,
	.tag_clear_pages = tag_clear_pages,
	.preempt_model_preemptible = preempt_model_preemptible,
	.context = context,
	.context_add = context_add,
	.irqs_set = irqs_set,
	.irqs_restore = irqs_restore,
	.cpu_has = primitive_cpu_has,
	.bug = bug,
};
