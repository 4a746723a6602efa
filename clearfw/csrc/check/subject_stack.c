/* SPDX-License-Identifier: MIT */
#include "check/subject_stack.h"

#include "primitives/primitive.h"

#include <string.h>
#include <sys/mman.h>

/* A kernel's would be 16 KiB. With more, a recursion over some thousand pages is told apart from one without end. */
#define STACK_BYTES (1ul << 20)
#define GUARD_BYTES (64ul << 10)
#define PAINTED_BYTES (64ul << 10)
#define PAINT 0x5a

static char *painted(const struct subject_stack *stack)
{
	return stack->bottom + stack->nbytes - PAINTED_BYTES;
}

int subject_stack_init(struct subject_stack *stack, struct clearfw_error *err)
{
	stack->nbytes = GUARD_BYTES + STACK_BYTES;
	stack->bottom = mmap(NULL, stack->nbytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack->bottom == MAP_FAILED) {
		stack->bottom = NULL;
		return clearfw_fail(err, CLEARFW_ESYS, "mapping a stack of %lu bytes", STACK_BYTES);
	}
	mprotect(stack->bottom, GUARD_BYTES, PROT_NONE);
	memset(painted(stack), PAINT, PAINTED_BYTES);
	return 0;
}

void subject_stack_deinit(struct subject_stack *stack)
{
	if (stack->bottom)
		munmap(stack->bottom, stack->nbytes);
	stack->bottom = NULL;
}

void subject_stack_run(struct subject_stack *stack, void (*function)(void))
{
	getcontext(&stack->callee);
	stack->callee.uc_stack.ss_sp = stack->bottom;
	stack->callee.uc_stack.ss_size = stack->nbytes;
	stack->callee.uc_link = &stack->caller;
	makecontext(&stack->callee, function, 0);
	swapcontext(&stack->caller, &stack->callee);
}

const char *subject_stack_top(const struct subject_stack *stack)
{
	return stack->bottom + stack->nbytes;
}

bool subject_stack_is_past(const struct subject_stack *stack, const void *addr)
{
	return stack->bottom && (size_t)((const char *)addr - stack->bottom) < GUARD_BYTES;
}

size_t subject_stack_used(const struct subject_stack *stack)
{
	size_t untouched = PAINTED_BYTES;

	primitive_is_filled(painted(stack), PAINTED_BYTES, PAINT, &untouched);
	return PAINTED_BYTES - untouched;
}

void subject_stack_paint(struct subject_stack *stack)
{
	size_t used = subject_stack_used(stack);

	memset(painted(stack) + PAINTED_BYTES - used, PAINT, used);
}
