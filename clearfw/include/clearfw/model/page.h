/* SPDX-License-Identifier: MIT */
/*
 * struct page and struct clearfw_strategy for a unit that is compiled to see its size, and never run: page is
 * as large as in a kernel without memory cgroups (7.3), for that decides how an array of them is walked.
 */
#ifndef CLEARFW_MODEL_PAGE_H
#define CLEARFW_MODEL_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page {
	unsigned long flags;
	union {
		void *lru[2];
		unsigned long compound_head; /* of a tail: the head's address, and 1 */
	};
	void *mapping;
	unsigned long index;
	unsigned long private;
	int page_type;
	int refcount;
#if __SIZEOF_POINTER__ == 8
	unsigned long reserved;
#endif
};

_Static_assert(sizeof(struct page) == 8 * __SIZEOF_POINTER__, "struct page has eight words");

struct clearfw_strategy {
	void (*kernel_init_pages)(struct page *page, int numpages);
	void (*init_vmalloc_pages)(const void *start, unsigned long size);
	bool (*init_on_alloc)(struct page *page, int numpages);
	bool (*init_on_free)(struct page *page, int numpages);
	bool (*init_on_vmalloc)(const void *start, unsigned long size);
	bool (*init_bulk)(struct page **pages, int nr);
};

#endif
