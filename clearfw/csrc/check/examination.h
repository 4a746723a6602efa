/* SPDX-License-Identifier: MIT */
/* An examination: from its beginning to its end, cell by cell. */
#ifndef CLEARFW_EXAMINATION_H
#define CLEARFW_EXAMINATION_H

#include "check/examiner.h"

/* 0, or negative with *err. SUBJECT is loaded; from here to the end its calls of the core are looked at. */
int examiner_init(struct examiner *examiner, struct machine *machine, const struct clearfw_strategy *subject,
		  const struct clearfw_observed *observed, struct clearfw_error *err);
/* For a strategy in Python: CALLBACK is asked in its place at the init points of POINTS, a bit each. */
int examiner_init_callback(struct examiner *examiner, struct machine *machine, init_callback callback, void *context,
			   unsigned int points, struct clearfw_error *err);
void examiner_deinit(struct examiner *examiner);

/* Forgets the latest cell's finding. */
void examiner_begin(struct examiner *examiner);

/* A cell: the init point is asked, as if the allocator had taken the pages. */
void examine_block(struct examiner *examiner, enum init_point point, struct page *page, unsigned int npages,
		   const uint64_t *private);
void examine_list(struct examiner *examiner, enum init_point point, struct page **pages, int nr,
		  const uint64_t *private);
void examine_area(struct examiner *examiner, const void *start, unsigned long nbytes, const uint64_t *private);

#endif
