/* SPDX-License-Identifier: MIT */
/* A strategy's SIGSEGV or SIGBUS, told in the kernel's words instead of ending in silence. */
#ifndef CLEARFW_CRASH_REPORT_H
#define CLEARFW_CRASH_REPORT_H

#include <signal.h>
#include <stddef.h>

struct cpu;

/*
 * From now on a fault of this process writes one line to FD (what address, what that is to the machine
 * whose init point the thread is inside, which pages the strategy was asked to clear) and then has
 * its default effect. For a child process that runs nothing but a strategy. 0, or errno.
 */
int crash_report_to(int fd);

/* A line to where faults are reported, if anywhere. */
void crash_say(const char *line);

/* What a fault was, in LINE: for a handler of one's own. Returns the length. */
size_t crash_describe(char *line, size_t room, int signal, const siginfo_t *info, const void *context);
/* What ADDR, untagged, is to the machine of CPU. */
int crash_describe_address(char *line, size_t room, const struct cpu *cpu, const char *addr);
/* A strategy that recurses without end has no stack left for a handler: this thread's gets one. 0, or errno. */
int crash_handler_stack(void);

#endif
