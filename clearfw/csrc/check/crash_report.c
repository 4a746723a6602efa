/* SPDX-License-Identifier: MIT */

#include "check/crash_report.h"

#include "check/garbage.h"
#include "mm/cpu.h"
#include "mm/machine.h"
#include "mm/strategy_api.h"
#include "mm/vmalloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

static int report_fd = -1;
/* A strategy that recurses without end has no stack left for the handler. */
static char handler_stack[64 << 10];
/* Where the stack of the thread that asked for reports was then: not far from its top. */
static const char *stack_top;

#define STACK_SLACK (1ul << 20)

/* The kmap slot that ADDR lies in, mapped or not; -1 where it is none. */
static int slot_of(const struct cpu *cpu, const char *addr)
{
	size_t page = machine_page_size(cpu->machine);
	size_t offset = (size_t)(addr - cpu->kmap.slots);

	return cpu->kmap.slots && offset < KM_MAX_IDX * 2 * page ? (int)(offset / (2 * page)) : -1;
}

/* x86 tells a write from a read (Intel SDM 3A 4.7: bit 1 of the error code); elsewhere it is not said. */
static const char *what_was_done(const void *context)
{
#if defined(__x86_64__)
	const ucontext_t *registers = context;

	return registers->uc_mcontext.gregs[REG_ERR] & 2 ? "wrote to" : "read";
#else
	(void)context;
	return "touched";
#endif
}

/* The stack's next page down, or one not far below it: frames may be larger than a page. */
static bool is_past_the_stack(const char *addr)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return false;
	return addr < stack_top && (size_t)(stack_top - addr) + STACK_SLACK > limit.rlim_cur &&
	       (size_t)(stack_top - addr) < limit.rlim_cur + STACK_SLACK;
}

/* Not snprintf's business by the letter of signal-safety(7); the process is at its end, and alone. */
int crash_describe_address(char *line, size_t room, const struct cpu *cpu, const char *addr)
{
	struct machine *machine = cpu->machine;
	const struct memory *memory = &machine->memory;
	int slot = slot_of(cpu, addr);

	if ((uintptr_t)addr < machine_page_size(machine) && cpu->in_init && !garbage_asked.page && garbage_asked.n)
		return snprintf(line, room,
				"NULL, which is vmalloc_to_page() past the end of an area, and "
				"virt_to_page() of any vmalloc address");
	if ((uintptr_t)addr < machine_page_size(machine))
		return snprintf(line, room, "NULL, which is page_address() of a HIGHMEM page before kmap_local_page()");
	if (slot >= 0)
		return snprintf(line, room, "kmap slot %d, which is not mapped: last it held pfn %#x", slot,
				cpu->kmap.pfn[slot]);
	if (addr >= memory->direct && addr < memory->direct + memory->start)
		return snprintf(line, room,
				"physical address %#zx (pfn %#zx), where no memory is: the first pfn is %#x",
				(size_t)(addr - memory->direct), (size_t)(addr - memory->direct) >> machine->page_shift,
				machine->first_pfn);
	if (is_vmalloc_addr(machine, addr))
		return snprintf(line, room, "the vmalloc area at offset %#zx, where no page is mapped",
				(size_t)(addr - machine->vmalloc.start));
	if (addr >= memory->direct + memory->lowmem && addr < memory->highmem)
		return snprintf(line, room, "%#zx bytes past the end of the direct map (pfn %#zx)",
				(size_t)(addr - memory->direct) - memory->lowmem,
				(size_t)(addr - memory->direct) >> machine->page_shift);
	if (is_past_the_stack(addr))
		return snprintf(line, room, "past the end of the stack: a recursion without an end?");
	return snprintf(line, room, "nothing of this machine");
}

static int describe_block(char *line, size_t room, const struct garbage_asked *asked)
{
	if (asked->page)
		return snprintf(line, room, ", asked to clear %lu page%s from pfn %#x, %s", asked->n,
				asked->n == 1 ? "" : "s", asked->page->pfn,
				asked->page->flags & PG_highmem ? "HIGHMEM" : "lowmem");
	if (asked->n)
		return snprintf(line, room, ", asked to clear a vmalloc area of %lu bytes", asked->n);
	return 0;
}

/* This thread's CPU, unless the machine it was last on is gone. */
static struct cpu *live_cpu(void)
{
	for (struct machine *machine = machines_first(); machine; machine = machine->next)
		if (machine->id == current_cpu.machine_id)
			return current_cpu.cpu;
	return NULL;
}

/*
 * x86: a non-canonical address, as a tagged one is, raises a fault that names no address. arm64: lent.c raised it.
 * Elsewhere the tag is there to be seen.
 */
static bool is_tagged(const siginfo_t *info, const struct cpu *cpu)
{
	return info->si_code == SI_KERNEL || info->si_code == SI_TKILL ||
	       (cpu && kasan_uses_tags(&cpu->machine->kasan) && kasan_untagged(info->si_addr) != info->si_addr);
}

size_t crash_describe(char *line, size_t room, int signal, const siginfo_t *info, const void *context)
{
	struct cpu *cpu = live_cpu();
	bool tagged = is_tagged(info, cpu);
	size_t n;

	if (tagged)
		n = (size_t)snprintf(line, room,
				     "used an address with a KASAN tag still in it: kasan_reset_tag() it first");
	else
		n = (size_t)snprintf(line, room, "%s address %#zx%s", what_was_done(context), (size_t)info->si_addr,
				     cpu ? ": " : "");
	if (!tagged && cpu)
		n += (size_t)crash_describe_address(line + n, room - n, cpu, info->si_addr);
	if (cpu)
		n += (size_t)describe_block(line + n, room - n, &garbage_asked);
	return n + (size_t)snprintf(line + n, room - n, "; %s", signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
}

void crash_say(const char *line)
{
	if (report_fd >= 0 && dprintf(report_fd, "%s\n", line) < 0)
		_exit(1);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	char line[512];

	crash_describe(line, sizeof(line), signal, info, context);
	crash_say(line);
	/* SA_RESETHAND: the second time it ends the process, as it would have without us. */
}

int crash_handler_stack(void)
{
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };

	return sigaltstack(&stack, NULL) ? errno : 0;
}

int crash_report_to(int fd)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };
	int error = crash_handler_stack();

	report_fd = fd;
	api_report_bugs_to(fd);
	stack_top = __builtin_frame_address(0);
	if (error)
		return error;
	if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
		return errno;
	return 0;
}
