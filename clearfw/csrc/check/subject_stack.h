/* SPDX-License-Identifier: MIT */
/* A stack for the strategy alone: how much of it was used can be seen, and its end is a page that faults. */
#ifndef CLEARFW_SUBJECT_STACK_H
#define CLEARFW_SUBJECT_STACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/* Half of THREAD_SIZE, 16 KiB on x86-64 and arm64: the other half is for who called the allocator, and interrupts. */
#define SUBJECT_STACK_MOST 8192u

struct subject_stack {
	char *bottom; /* the guard page */
	size_t nbytes;
	ucontext_t caller, callee;
};

int subject_stack_init(struct subject_stack *stack, struct clearfw_error *err);
void subject_stack_deinit(struct subject_stack *stack);

/* Runs FUNCTION there; it returns. */
void subject_stack_run(struct subject_stack *stack, void (*function)(void));
const char *subject_stack_top(const struct subject_stack *stack);
bool subject_stack_is_past(const struct subject_stack *stack, const void *addr);

/* Bytes of it that were written to since it was painted, 64 KiB at most. */
size_t subject_stack_used(const struct subject_stack *stack);
void subject_stack_paint(struct subject_stack *stack);

#endif
