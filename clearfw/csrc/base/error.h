/* SPDX-License-Identifier: MIT */
/* Failures of the core: a code, and the facts that a message needs. */
#ifndef CLEARFW_ERROR_H
#define CLEARFW_ERROR_H

#include <stdint.h>

/* Functions return 0 or one of these, negated; the facts go into struct clearfw_error. */
enum clearfw_errno {
	CLEARFW_OK,
	CLEARFW_ENOMEM,	      /* no free block of that order */
	CLEARFW_EORDER,	      /* order above MAX_PAGE_ORDER */
	CLEARFW_EDOUBLE_FREE, /* the block is free already */
	CLEARFW_EFOREIGN,     /* not the head of an allocated block of that order */
	CLEARFW_EUNCLAIMED,   /* no strategy in the stack claimed the pages */
	CLEARFW_ESTRATEGY,    /* the init callback failed; the caller has its exception */
	CLEARFW_EKMAP_FULL,   /* a 17th kmap_local */
	CLEARFW_EKMAP_ORDER,  /* kunmap_local of anything but the newest mapping */
	CLEARFW_EKMAP_LEAK,   /* an init point returned with pages still mapped */
	CLEARFW_EKASAN_DEPTH, /* an init point returned with another kasan depth */
	CLEARFW_EIN_INIT,     /* allocation or free from inside an init point */
	CLEARFW_EMAP_COUNT,   /* vm.max_map_count would be exceeded */
	CLEARFW_EVMALLOC,     /* not the start of a vmalloc area, or no room for one */
	CLEARFW_EBACKING,     /* the host does not have the backing */
	CLEARFW_EGRANULARITY, /* hugetlb backing cannot map single pages */
	CLEARFW_ESYS,	      /* a system call failed: see sys_errno and detail */
	CLEARFW_EINCOHERENT,  /* an init point returned with non-temporal stores under way */
	CLEARFW_EARCH,	      /* not supported on this architecture */
	CLEARFW_EWINDOW,      /* a window lost sight of what its pages hold */
	CLEARFW_EPREEMPT,     /* an init point returned with another preempt count */
	CLEARFW_EIRQS,	      /* interrupts left disabled, or enabled where the caller may have disabled them */
	CLEARFW_EZERO_PAGES,  /* clear_pages() of 0 pages, where the generic one counts down from there */
};

struct clearfw_error {
	int code;	 /* enum clearfw_errno */
	int sys_errno;	 /* of the failed call, or 0 */
	uint64_t pfn;	 /* of the page concerned, or of the first of several */
	uint64_t wanted; /* pages, bytes or an order, as the code has it */
	uint64_t found;
	int zone;	 /* enum clearfw_zone_type, or -1 */
	char detail[160]; /* the operation, for the message */
};

/* Fills in ERR (which may be NULL) and returns -code. */
int clearfw_fail(struct clearfw_error *err, enum clearfw_errno code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
