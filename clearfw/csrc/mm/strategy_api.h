/* SPDX-License-Identifier: MIT */
/* The table of functions the core lends to strategies. */
#ifndef CLEARFW_STRATEGY_API_H
#define CLEARFW_STRATEGY_API_H

#include <clearfw/abi.h>

struct cpu;
struct machine;

extern const struct clearfw_core clearfw_core_table;

/* The ones that Python strategies call as well. */
void api_clear_pages(void *addr, unsigned int npages);
void *api_memset(void *addr, int c, size_t nbytes);
void *api_kmap_local_page(struct page *page);
void api_kunmap_local(const void *addr);
void api_kasan_depth_add(int delta);
struct page *api_vmalloc_to_page(const void *addr);

/* BUG() and similar write a line to FD (standard error by default) and abort(). */
void api_report_bugs_to(int fd);

/* Whether all of [addr, addr + nbytes) can be written by this thread: direct map, vmalloc, or live kmap slots. */
bool api_is_mapped(struct machine *machine, const void *addr, size_t nbytes);

#endif
