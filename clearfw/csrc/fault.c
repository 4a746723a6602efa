/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include "machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int report_fd = -1;
/* A strategy that recurses without end has no stack left for the handler. */
static char handler_stack[64 << 10];

/* The kmap slot that ADDR lies in, mapped or not; -1 where it is none. */
static int slot_of(const struct cpu *cpu, const char *addr)
{
	size_t page = machine_page_size(cpu->machine);
	size_t offset = (size_t)(addr - cpu->kmap.slots);

	return cpu->kmap.slots && offset < KM_MAX_IDX * 2 * page ? (int)(offset / (2 * page)) : -1;
}

/* Not snprintf's business by the letter of signal-safety(7); the process is at its end, and alone. */
static int describe_address(char *line, size_t room, const struct cpu *cpu, const char *addr)
{
	struct machine *machine = cpu->machine;
	const struct memory *memory = &machine->memory;
	int slot = slot_of(cpu, addr);

	if ((uintptr_t)addr < machine_page_size(machine))
		return snprintf(line, room, "NULL plus %zu: page_address() of a HIGHMEM page is NULL, map it first",
				(size_t)addr);
	if (slot >= 0)
		return snprintf(line, room, "kmap slot %d, not mapped: last it held pfn %#x", slot,
				cpu->kmap.pfn[slot]);
	if (is_vmalloc_addr(machine, addr))
		return snprintf(line, room, "the vmalloc area at offset %#zx, where no page is mapped",
				(size_t)(addr - machine->vmalloc.start));
	if (addr >= memory->direct + memory->lowmem && addr < memory->highmem)
		return snprintf(line, room, "%#zx bytes past the end of the direct map (pfn %#zx)",
				(size_t)(addr - memory->direct) - memory->lowmem,
				(size_t)(addr - memory->direct) >> machine->page_shift);
	return snprintf(line, room, "nothing of this machine");
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct cpu *cpu = current_cpu.cpu;
	char line[512];
	size_t n = 0;

	(void)context;
	/* A non-canonical address, as a tagged one is here, raises a fault that names no address. */
	if (info->si_code == SI_KERNEL)
		n += (size_t)snprintf(line, sizeof(line),
				      "used an address with a KASAN tag still in it: kasan_reset_tag() it first");
	else
		n += (size_t)snprintf(line, sizeof(line), "touched %p, ", info->si_addr);
	if (info->si_code != SI_KERNEL && cpu)
		n += (size_t)describe_address(line + n, sizeof(line) - n, cpu, info->si_addr);
	n += (size_t)snprintf(line + n, sizeof(line) - n, "; %s\n", signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
	if (write(report_fd, line, n < sizeof(line) ? n : sizeof(line) - 1) < 0)
		_exit(128 + signal);
	/* SA_RESETHAND: the second time it ends the process, as it would have without us. */
}

int fault_report_to(int fd)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };

	report_fd = fd;
	if (sigaltstack(&stack, NULL) || sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
		return errno;
	return 0;
}
