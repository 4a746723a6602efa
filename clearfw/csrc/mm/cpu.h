/* SPDX-License-Identifier: MIT */
/* Threads as CPUs: the one a thread is on a machine, and its per-CPU lists. */
#ifndef CLEARFW_CPU_H
#define CLEARFW_CPU_H

#include "mm/types.h"

struct current_cpu {
	uint64_t machine_id;
	struct cpu *cpu;
};

/* The machine this thread was last on. Two words of static TLS, so that reading them is one instruction. */
extern __thread struct current_cpu current_cpu __attribute__((tls_model("initial-exec")));

/* This thread's first call on the machine; NULL without memory. */
struct cpu *cpu_attach(struct machine *machine);

static inline struct cpu *this_cpu(struct machine *machine)
{
	if (__builtin_expect(current_cpu.machine_id == machine->id, 1))
		return current_cpu.cpu;
	return cpu_attach(machine);
}

/* Brackets every use of the per-CPU lists. */
extern bool cpu_needs_fence;
void cpu_wait_for_drain(struct cpu *cpu);

static inline void cpu_lists_begin(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->busy, true, memory_order_relaxed);
	if (__builtin_expect(cpu_needs_fence, 0))
		atomic_thread_fence(memory_order_seq_cst);
	else
		atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&cpu->claimed, memory_order_relaxed), 0))
		cpu_wait_for_drain(cpu);
}

static inline void cpu_lists_end(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->busy, false, memory_order_release);
}

/* Gives all per-CPU lists back to the buddy: mm/page_alloc.c:drain_all_pages. */
void machine_drain(struct machine *machine);

void cpu_free(struct cpu *cpu);

#endif
