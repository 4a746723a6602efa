/* SPDX-License-Identifier: MIT */
/* Threads as CPUs: attaching one to a machine, and reaching the lists of the others. */

#include "mm/cpu.h"

#include "base/fault_inject.h"
#include "mm/machine.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread struct current_cpu current_cpu __attribute__((tls_model("initial-exec")));

bool cpu_needs_fence;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key; /* its destructor retires a thread's CPUs */
static int exit_key_error;

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

static void drain_lists(struct cpu *cpu)
{
	for (int zone = 0; zone < MAX_NR_ZONES; zone++)
		pcp_drain(&cpu->pcp[zone], &cpu->machine->zone[zone]);
}

/* The thread is gone: its pages go back to the buddy and its counts to the machine. */
static void retire(struct cpu *cpu)
{
	struct machine *machine = cpu->machine;

	drain_lists(cpu);
	clearfw_stats_add(&machine->retired_stats, &cpu->stats);
	cpu_free(cpu);
}

static void retire_thread(void *unused)
{
	(void)unused;
	machines_lock();
	for (struct machine *machine = machines_first(); machine; machine = machine->next) {
		pthread_mutex_lock(&machine->lock);
		for (struct cpu **link = &machine->cpus; *link;) {
			struct cpu *cpu = *link;

			if (!pthread_equal(cpu->thread, pthread_self())) {
				link = &cpu->next;
				continue;
			}
			*link = cpu->next;
			retire(cpu);
		}
		pthread_mutex_unlock(&machine->lock);
	}
	machines_unlock();
}

static void init_once(void)
{
	exit_key_error = pthread_key_create(&exit_key, retire_thread);
	cpu_needs_fence = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
}

void cpu_free(struct cpu *cpu)
{
	kmap_deinit(&cpu->kmap, cpu->machine->page_shift);
	free(cpu);
}

static struct cpu *cpu_create(struct machine *machine)
{
	struct cpu *cpu = core_calloc(1, sizeof(*cpu));

	if (!cpu)
		return NULL;
	cpu->machine = machine;
	cpu->thread = pthread_self();
	/* Any value but NULL has the destructor called. */
	if (core_pthread_setspecific(exit_key, &exit_key)) {
		free(cpu);
		return NULL;
	}
	for (int zone = 0; zone < MAX_NR_ZONES; zone++)
		pcp_init(&cpu->pcp[zone], &machine->zone[zone]);
	if (!machine->config.highmem || !kmap_init(&cpu->kmap, machine->config.kmap, machine->page_shift, NULL))
		return cpu;
	free(cpu);
	return NULL;
}

struct cpu *cpu_attach(struct machine *machine)
{
	struct cpu *cpu;

	pthread_once(&once, init_once);
	if (exit_key_error)
		return NULL;
	pthread_mutex_lock(&machine->lock);
	for (cpu = machine->cpus; cpu && !pthread_equal(cpu->thread, pthread_self()); cpu = cpu->next)
		;
	if (!cpu && (cpu = cpu_create(machine))) {
		cpu->next = machine->cpus;
		machine->cpus = cpu;
	}
	pthread_mutex_unlock(&machine->lock);
	if (cpu)
		current_cpu = (struct current_cpu){ machine->id, cpu };
	return cpu;
}

void cpu_wait_for_drain(struct cpu *cpu)
{
	do {
		cpu_lists_end(cpu);
		while (atomic_load_explicit(&cpu->claimed, memory_order_acquire))
			sched_yield();
		atomic_store_explicit(&cpu->busy, true, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
	} while (atomic_load_explicit(&cpu->claimed, memory_order_acquire));
}

void machine_drain(struct machine *machine)
{
	pthread_mutex_lock(&machine->lock);
	for (struct cpu *cpu = machine->cpus; cpu; cpu = cpu->next)
		atomic_store_explicit(&cpu->claimed, true, memory_order_relaxed);
	/* From here on, a thread that sets busy sees claimed; a thread that set it before is seen as busy. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!cpu_needs_fence)
		membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	for (struct cpu *cpu = machine->cpus; cpu; cpu = cpu->next) {
		while (atomic_load_explicit(&cpu->busy, memory_order_acquire))
			sched_yield();
		drain_lists(cpu);
		atomic_store_explicit(&cpu->claimed, false, memory_order_release);
	}
	pthread_mutex_unlock(&machine->lock);
}
