/* SPDX-License-Identifier: MIT */
/* A command that is prepared and waits at a pipe, in a process with no memory of its own to free when it starts. */
#ifndef CLEARFW_COMMAND_H
#define CLEARFW_COMMAND_H

/*
 * Starts a process that writes its pid_t to REPORT and waits for a byte from GO_READ. Then it executes the command,
 * or writes the errno as an int. The process closes its copy of GO_WRITE, the other end of that pipe, and exits when
 * the last copy is closed. Returns 0 or an errno. If the process turns out later not to exist, REPORT gets a negative
 * errno in place of the pid. All three descriptors must be close-on-exec.
 */
int command_prepare(char *const argv[], int go_read, int go_write, int report);

#endif
