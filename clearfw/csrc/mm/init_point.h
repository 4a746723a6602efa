/* SPDX-License-Identifier: MIT */
/* The init points: where pages get cleared, and the stack of strategies asked there. */
#ifndef CLEARFW_INIT_POINT_H
#define CLEARFW_INIT_POINT_H

#include "mm/types.h"

/* Whether STRATEGY has a function for POINT. */
bool strategy_has_point(const struct clearfw_strategy *strategy, enum init_point point);

/* One native strategy's answer, outside any stack: what pluggy calls when it does the asking. */
bool strategy_ask(const struct clearfw_strategy *strategy, enum init_point point, const void *what, unsigned long n);

/* Replaces the stack of an init point. The chain is copied. 0 or -CLEARFW_ENOMEM. */
int init_point_bind(struct machine *machine, enum init_point point, const struct clearfw_strategy *const *chain,
		    int nr);
int init_point_bind_callback(struct machine *machine, enum init_point point, init_callback callback, void *context);

/* Have the pages cleared. 0, or negative with cpu->error filled in and the pages not to be trusted. */
int init_pages(struct cpu *cpu, enum init_point point, struct page *page, unsigned int npages);
int init_vmalloc(struct cpu *cpu, const void *start, unsigned long nbytes);

/* Many order-0 pages at once; PAGES is reordered. */
int init_bulk(struct cpu *cpu, enum init_point point, struct page **pages, int nr);

/* What a strategy did wrong so far in this init point; taking it fills in cpu->error. */
void cpu_forget_violation(struct cpu *cpu);
int cpu_take_violation(struct cpu *cpu);

#endif
