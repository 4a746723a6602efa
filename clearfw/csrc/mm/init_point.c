/* SPDX-License-Identifier: MIT */

#include "mm/init_point.h"

#include "base/fault_inject.h"
#include "mm/cpu.h"
#include "mm/machine.h"

bool strategy_has_point(const struct clearfw_strategy *strategy, enum init_point point)
{
	switch (point) {
	case INIT_ALLOC:
		return strategy->kernel_init_pages || strategy->init_on_alloc;
	case INIT_FREE:
		return strategy->kernel_init_pages || strategy->init_on_free;
	default:
		return strategy->init_vmalloc_pages || strategy->init_on_vmalloc;
	}
}

static inline bool ask_pages(const struct clearfw_strategy *strategy, enum init_point point, struct page *page,
			     int npages)
{
	if (strategy->kernel_init_pages) {
		strategy->kernel_init_pages(page, npages);
		return true;
	}
	return point == INIT_ALLOC ? strategy->init_on_alloc(page, npages) : strategy->init_on_free(page, npages);
}

static inline bool ask_vmalloc(const struct clearfw_strategy *strategy, const void *start, unsigned long nbytes)
{
	if (strategy->init_vmalloc_pages) {
		strategy->init_vmalloc_pages(start, nbytes);
		return true;
	}
	return strategy->init_on_vmalloc(start, nbytes);
}

bool strategy_ask(const struct clearfw_strategy *strategy, enum init_point point, const void *what, unsigned long n)
{
	if (point == INIT_VMALLOC)
		return ask_vmalloc(strategy, what, n);
	return ask_pages(strategy, point, (struct page *)what, (int)n);
}

static int bind(struct machine *machine, enum init_point point, struct init_stack *stack)
{
	struct init_stack *old;

	if (!stack)
		return -CLEARFW_ENOMEM;
	pthread_mutex_lock(&machine->lock);
	old = atomic_exchange(&machine->stack[point], stack);
	/* Another thread may be walking the old one: it lives as long as the machine. */
	if (old) {
		old->next = machine->retired_stacks;
		machine->retired_stacks = old;
	}
	pthread_mutex_unlock(&machine->lock);
	return 0;
}

int init_point_bind(struct machine *machine, enum init_point point, const struct clearfw_strategy *const *chain, int nr)
{
	struct init_stack *stack = core_calloc(1, sizeof(*stack));

	for (int i = 0; stack && i < nr; i++)
		if (strategy_has_point(chain[i], point))
			stack->strategy[stack->nr++] = chain[i];
	return bind(machine, point, stack);
}

int init_point_bind_callback(struct machine *machine, enum init_point point, init_callback callback, void *context)
{
	struct init_stack *stack = core_calloc(1, sizeof(*stack));

	if (stack) {
		stack->callback = callback;
		stack->context = context;
	}
	return bind(machine, point, stack);
}

/* What must be the same after a strategy as it was before. */
struct scope {
	struct current_cpu current;
	int kmaps;
	int kasan_depth;
	int context;
};

static inline struct scope enter(struct cpu *cpu, unsigned long npages)
{
	cpu->in_init = true;
	cpu->violation = 0;
	cpu->incoherent = false;
	cpu->stats.inits++;
	cpu->stats.pages += npages;
	return (struct scope){ current_cpu, cpu->kmap.idx, cpu->kasan_depth, cpu->context };
}

static void blame(struct cpu *cpu, enum clearfw_errno what)
{
	if (!cpu->violation)
		cpu->violation = what;
}

static int violated(struct cpu *cpu, const struct scope *scope)
{
	int changed = cpu->context ^ scope->context;

	if (cpu->incoherent)
		blame(cpu, CLEARFW_EINCOHERENT);
	if (cpu->kmap.idx != scope->kmaps) {
		kmap_unwind(&cpu->kmap, &cpu->machine->memory, cpu->machine->config.kmap, cpu->machine->page_shift,
			    scope->kmaps);
		blame(cpu, CLEARFW_EKMAP_LEAK);
	}
	if (cpu->kasan_depth != scope->kasan_depth) {
		cpu->kasan_depth = scope->kasan_depth;
		blame(cpu, CLEARFW_EKASAN_DEPTH);
	}
	if (changed) {
		cpu->context = scope->context;
		blame(cpu, changed == CLEARFW_IRQ ? CLEARFW_EIRQS : CLEARFW_EPREEMPT);
	}
	cpu->incoherent = false;
	return cpu->violation;
}

static inline int leave(struct cpu *cpu, const struct scope *scope, int claimed)
{
	int violation;

	cpu->in_init = false;
	/* A callback may have run on another machine. */
	current_cpu = scope->current;
	if (__builtin_expect(claimed == 1 && cpu->violation == 0 && !cpu->incoherent && cpu->kmap.idx == scope->kmaps &&
				     cpu->kasan_depth == scope->kasan_depth && cpu->context == scope->context,
			     1))
		return 0;
	/* What an exception left behind is put right too, though the exception is what gets told. */
	violation = violated(cpu, scope);
	if (claimed < 0)
		return clearfw_fail(&cpu->error, CLEARFW_ESTRATEGY, "init callback");
	if (violation)
		return clearfw_fail(&cpu->error, violation, "strategy");
	return clearfw_fail(&cpu->error, CLEARFW_EUNCLAIMED, "init point");
}

static int blame_pages(struct cpu *cpu, int status, const struct page *page, unsigned long npages)
{
	cpu->error.pfn = page->pfn;
	cpu->error.wanted = npages;
	cpu->error.zone = page->zone;
	return status;
}

static inline int ask_stack(struct init_stack *stack, enum init_point point, struct page *page, int npages)
{
	if (__builtin_expect(!stack, 0))
		return 0;
	if (__builtin_expect(stack->callback != NULL, 0))
		return stack->callback(stack->context, point, page, (unsigned long)npages);
	for (int i = 0; i < stack->nr; i++)
		if (ask_pages(stack->strategy[i], point, page, npages))
			return 1;
	return 0;
}

int init_pages(struct cpu *cpu, enum init_point point, struct page *page, unsigned int npages)
{
	struct init_stack *stack = atomic_load_explicit(&cpu->machine->stack[point], memory_order_acquire);
	struct scope scope = enter(cpu, npages);
	int claimed, status;

	machine_event(cpu->machine, EVENT_INIT);
	claimed = ask_stack(stack, point, page, (int)npages);
	status = leave(cpu, &scope, claimed);
	return status ? blame_pages(cpu, status, page, npages) : 0;
}

/* Asks one strategy for each page in turn; those it passed on change places to the front. Returns how many. */
static int ask_each(const struct clearfw_strategy *strategy, enum init_point point, struct page **pages, int nr)
{
	int left = 0;

	for (int i = 0; i < nr; i++) {
		struct page *page = pages[i];

		if (ask_pages(strategy, point, page, 1))
			continue;
		pages[i] = pages[left];
		pages[left++] = page;
	}
	return left;
}

static int ask_stack_bulk(struct init_stack *stack, enum init_point point, struct page **pages, int *nr)
{
	if (!stack)
		return 0;
	if (stack->callback) {
		/* pluggy knows single blocks only; the answers are the same. */
		for (; *nr; --*nr) {
			int claimed = stack->callback(stack->context, point, pages[*nr - 1], 1);

			if (claimed != 1)
				return claimed;
		}
		return 1;
	}
	for (int i = 0; i < stack->nr && *nr; i++) {
		const struct clearfw_strategy *strategy = stack->strategy[i];

		if (!strategy->init_bulk || !strategy->init_bulk(pages, *nr))
			*nr = ask_each(strategy, point, pages, *nr);
		else
			*nr = 0;
	}
	return *nr == 0;
}

int init_bulk(struct cpu *cpu, enum init_point point, struct page **pages, int nr)
{
	struct init_stack *stack = atomic_load_explicit(&cpu->machine->stack[point], memory_order_acquire);
	struct scope scope = enter(cpu, (unsigned long)nr);
	int left = nr, claimed, status;

	machine_event(cpu->machine, EVENT_INIT);
	claimed = ask_stack_bulk(stack, point, pages, &left);
	status = leave(cpu, &scope, claimed);
	return status ? blame_pages(cpu, status, pages[left ? left - 1 : 0], 1) : 0;
}

int init_vmalloc(struct cpu *cpu, const void *start, unsigned long nbytes)
{
	struct machine *machine = cpu->machine;
	struct init_stack *stack = atomic_load_explicit(&machine->stack[INIT_VMALLOC], memory_order_acquire);
	struct scope scope = enter(cpu, (nbytes + machine_page_size(machine) - 1) >> machine->page_shift);
	int claimed = 0, status;

	machine_event(machine, EVENT_INIT);
	if (stack && stack->callback)
		claimed = stack->callback(stack->context, INIT_VMALLOC, start, nbytes);
	for (int i = 0; stack && !stack->callback && !claimed && i < stack->nr; i++)
		claimed = ask_vmalloc(stack->strategy[i], start, nbytes);
	status = leave(cpu, &scope, claimed);
	if (status)
		cpu->error.wanted = nbytes;
	return status;
}

void cpu_forget_violation(struct cpu *cpu)
{
	cpu->violation = 0;
}

int cpu_take_violation(struct cpu *cpu)
{
	int violation = cpu->violation;

	cpu->violation = 0;
	return violation ? clearfw_fail(&cpu->error, violation, "strategy") : 0;
}
