/* SPDX-License-Identifier: MIT */
/*
 * What ends a process, caught while the subject of examiner_here runs: a fault is a finding, and so is a call that
 * takes more processor time than the examiner's patience. The subject's call ends there, and the search goes on.
 */
#ifndef CLEARFW_CATCH_H
#define CLEARFW_CATCH_H

void catch_begin(void);
void catch_end(void);

#endif
