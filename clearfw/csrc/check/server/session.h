/* SPDX-License-Identifier: MIT */
/* One side of a conversation in lines: numbers of a request, of a reply, and the two kinds of reply. */
#ifndef CLEARFW_SESSION_H
#define CLEARFW_SESSION_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

struct session {
	FILE *in, *out;
	char *next; /* the rest of the request */
};

uint64_t take(struct session *session);
char *take_word(struct session *session);
void say(struct session *session, uint64_t number);
void done(struct session *session);
void say_error(struct session *session, const struct clearfw_error *error);

#endif
