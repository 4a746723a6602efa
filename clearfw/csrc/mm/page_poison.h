/* SPDX-License-Identifier: MIT */
/* page_poison=1: free pages hold 0xaa (mm/page_poison.c, 7.3). */
#ifndef CLEARFW_PAGE_POISON_H
#define CLEARFW_PAGE_POISON_H

#include "mm/machine.h"

#define PAGE_POISON 0xaa

/* All memory begins free, and so poisoned. */
void page_poison_boot(struct machine *machine);

/* kernel_poison_pages() and kernel_unpoison_pages(); the latter counts damaged pages in stats.poison_reports. */
void kernel_poison_pages(struct cpu *cpu, struct page *page, uint32_t npages);
void kernel_unpoison_pages(struct cpu *cpu, const struct page *page, uint32_t npages);

#endif
