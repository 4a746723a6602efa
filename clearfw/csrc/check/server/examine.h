/* SPDX-License-Identifier: MIT */
/* The examiner over the wire: what the search asks of a strategy on another architecture. */
#ifndef CLEARFW_SERVER_EXAMINE_H
#define CLEARFW_SERVER_EXAMINE_H

#include "check/server/session.h"
#include "mm/types.h"

/* Requests are of one thread: the one that booted the machine. */
void examine_machine(struct machine *machine);

void do_examiner_start(struct session *session);
void do_examiner_close(struct session *session);
void do_examiner_seal(struct session *session);
void do_examiner_unseal(struct session *session);
void do_examiner_keep_open(struct session *session);
void do_examiner_strict(struct session *session);
void do_examiner_options(struct session *session);
void do_examiner_begin(struct session *session);
void do_examiner_block(struct session *session);
void do_examiner_pages(struct session *session);
void do_examiner_area(struct session *session);
void do_examiner_look(struct session *session);
void do_examiner_seen(struct session *session);
void do_examiner_compares(struct session *session);
void do_examiner_shared(struct session *session);
void do_examiner_waste(struct session *session);

#endif
