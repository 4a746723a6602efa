/* SPDX-License-Identifier: MIT */
/* A command that waits at a pipe, in a process without memory of its own that would be freed when it is let go. */
#ifndef CLEARFW_COMMAND_H
#define CLEARFW_COMMAND_H

/*
 * Starts a process that writes its pid_t to REPORT and waits for a byte from GATE; then it becomes the command, or
 * writes the errno as an int. It closes LETS_GO, the other end of GATE, whose last end closed has it exit. Returns 0
 * or an errno; where it turns out later that there is no process, REPORT gets a negative errno in place of its pid.
 * All three are to be closed on exec.
 */
int command_start(char *const argv[], int gate, int lets_go, int report);

#endif
