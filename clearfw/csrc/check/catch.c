/* SPDX-License-Identifier: MIT */
#include "check/catch.h"

#include "check/crash_report.h"
#include "check/examiner.h"
#include "mm/buddy.h"
#include "mm/window.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define TICK_US 20000
#define NS_PER_US 1000

static const int caught[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGPROF };
#define NR_CAUGHT (sizeof(caught) / sizeof(caught[0]))

static struct sigaction before[NR_CAUGHT];
static stack_t stack_before;

static const void *where(const void *context)
{
#if defined(__x86_64__)
	return (const void *)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#else
	(void)context;
	return NULL;
#endif
}

static void found_fault(struct examiner *examiner, int signal, const siginfo_t *info, const void *context)
{
	char line[300];

	if (subject_stack_is_past(&examiner->stack, info->si_addr)) {
		/* At -O0 frames are larger, and no call is a jump. */
		if (examiner->observed)
			examiner->exhausted = true;
		else
			examiner_found(examiner, FOUND_stack, where(context),
				       "past the end of the stack: a recursion without an end?");
		return;
	}
	if ((signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0 &&
	    grant_ram_pfn(&examiner->grant, info->si_addr) != NO_PFN) {
		examiner_found_outside(examiner, FOUND_outside, where(context), "wrote to", info->si_addr, 1);
		return;
	}
	if (signal == SIGSEGV || signal == SIGBUS)
		crash_describe(line, sizeof(line), signal, info, context);
	else
		snprintf(line, sizeof(line), "was ended by signal %d (%s)", signal, strsignal(signal));
	examiner_found(examiner, strstr(line, "KASAN tag") ? FOUND_tag : FOUND_crash, where(context), "%s", line);
}

/* Whether its time is over. */
static bool found_hang(struct examiner *examiner)
{
	if (++examiner->ticks * TICK_US * NS_PER_US < examiner->patience_ns)
		return false;
	examiner_found(examiner, FOUND_hang, NULL,
		       "did not come back within %g s of processor time: look for a loop without an end",
		       (double)examiner->patience_ns / 1e9);
	return true;
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
	for (size_t i = 0; i < NR_CAUGHT; i++) {
		if (caught[i] != signal)
			continue;
		if (before[i].sa_flags & SA_SIGINFO)
			before[i].sa_sigaction(signal, info, context);
		/* From here on as if nobody had caught it: the instruction faults again. */
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	}
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	struct examiner *examiner = examiner_here;

	if (signal == SIGSEGV && window_serve(info))
		return;
	if (!examiner || !examiner->running) {
		if (signal != SIGPROF)
			pass_on(signal, info, context);
		return;
	}
	if (signal == SIGPROF && !found_hang(examiner))
		return;
	if (!examiner->subject) {
		/* Python's own frames cannot be left like this. */
		if (signal != SIGPROF) {
			pass_on(signal, info, context);
			return;
		}
		crash_say(examiner->found.message);
		_exit(1);
	}
	if (signal != SIGPROF)
		found_fault(examiner, signal, info, context);
	siglongjmp(examiner->out, 1);
}

static void tick_each(long us)
{
	struct itimerval timer = { .it_interval.tv_usec = us, .it_value.tv_usec = us };

	setitimer(ITIMER_PROF, &timer, NULL);
}

void catch_begin(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART };

	sigaltstack(NULL, &stack_before);
	crash_handler_stack();
	for (size_t i = 0; i < NR_CAUGHT; i++)
		sigaction(caught[i], &action, &before[i]);
	tick_each(TICK_US);
}

void catch_end(void)
{
	tick_each(0);
	for (size_t i = 0; i < NR_CAUGHT; i++)
		sigaction(caught[i], &before[i], NULL);
	sigaltstack(&stack_before, NULL);
}
