/* SPDX-License-Identifier: MIT */
/* The list of all machines of the process, which a thread that ends must walk. */
#ifndef CLEARFW_MACHINES_H
#define CLEARFW_MACHINES_H

struct machine;
struct cpu;

void machines_lock(void);
void machines_unlock(void);
struct machine *machines_first(void);

void cpu_free(struct cpu *cpu);

#endif
