/* SPDX-License-Identifier: MIT */
/*
 * What clears pages in a User-Mode Linux that clearfw builds, in place of that architecture's memset(): an
 * instruction that x86-64 kernels clear with, or one proposed for them. CLEARFW_<PRIMITIVE> says which.
 *
 * As on x86-64 it is inline assembly, so KASAN does not check it, and clear_pages() gives a whole range to
 * one call. Weakly ordered stores are fenced once a call.
 */
#ifndef CLEARFW_CLEAR_PAGE_H
#define CLEARFW_CLEAR_PAGE_H

#define CLEARFW_PAGE_SIZE 4096UL
#define CLEARFW_LINE_SIZE 64

#define CLEARFW_EIGHT_STORES(store)                 \
	store " %1, (%0)\n\t" store " %1, 8(%0)\n\t"    \
	store " %1, 16(%0)\n\t" store " %1, 24(%0)\n\t" \
	store " %1, 32(%0)\n\t" store " %1, 40(%0)\n\t" \
	store " %1, 48(%0)\n\t" store " %1, 56(%0)"

static inline void clearfw_zero(void *addr, unsigned long nbytes)
{
#if defined(CLEARFW_STOSB)
	asm volatile("rep stosb" : "+D"(addr), "+c"(nbytes) : "a"(0) : "memory");
#elif defined(CLEARFW_STOSQ)
	unsigned long nwords = nbytes / 8;

	asm volatile("rep stosq" : "+D"(addr), "+c"(nwords) : "a"(0UL) : "memory");
#elif defined(CLEARFW_MOVQ)
	char *line, *end = (char *)addr + nbytes;

	for (line = addr; line < end; line += CLEARFW_LINE_SIZE)
		asm volatile(CLEARFW_EIGHT_STORES("movq") : : "r"(line), "r"(0UL) : "memory");
#elif defined(CLEARFW_MOVNTI)
	char *line, *end = (char *)addr + nbytes;

	for (line = addr; line < end; line += CLEARFW_LINE_SIZE)
		asm volatile(CLEARFW_EIGHT_STORES("movnti") : : "r"(line), "r"(0UL) : "memory");
	asm volatile("sfence" : : : "memory");
#elif defined(CLEARFW_CLZERO)
	char *line, *end = (char *)addr + nbytes;

	for (line = addr; line < end; line += CLEARFW_LINE_SIZE)
		asm volatile(".byte 0x0f, 0x01, 0xfc" : : "a"(line) : "memory");
	asm volatile("sfence" : : : "memory");
#else
#error "no primitive was chosen: define CLEARFW_STOSB, _STOSQ, _MOVQ, _MOVNTI or _CLZERO"
#endif
}

static inline void clear_page(void *addr)
{
	clearfw_zero(addr, CLEARFW_PAGE_SIZE);
}

/* As in arch/x86/include/asm/page_64.h from 7.0 on; a tree without callers has no use for it. */
static inline void clear_pages(void *addr, unsigned int npages)
{
	clearfw_zero(addr, npages * CLEARFW_PAGE_SIZE);
}
#define clear_pages clear_pages

#endif
