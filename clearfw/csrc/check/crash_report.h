/* SPDX-License-Identifier: MIT */
/* A strategy's SIGSEGV or SIGBUS, told in the kernel's words instead of ending in silence. */
#ifndef CLEARFW_CRASH_REPORT_H
#define CLEARFW_CRASH_REPORT_H

/*
 * From now on a fault of this process writes one line to FD (what address, what that is to the machine
 * whose init point the thread is inside, which pages the strategy was asked to clear) and then has
 * its default effect. For a child process that runs nothing but a strategy. 0, or errno.
 */
int crash_report_to(int fd);

#endif
