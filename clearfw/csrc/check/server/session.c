/* SPDX-License-Identifier: MIT */

#include "check/server/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t take(struct session *session)
{
	return strtoull(session->next, &session->next, 0);
}

char *take_word(struct session *session)
{
	char *word = session->next + strspn(session->next, " ");

	session->next = word + strcspn(word, " \n");
	if (*session->next)
		*session->next++ = '\0';
	return word;
}

void say(struct session *session, uint64_t number)
{
	fprintf(session->out, " %" PRIu64, number);
}

void done(struct session *session)
{
	fputs("ok", session->out);
}

void say_error(struct session *session, const struct clearfw_error *error)
{
	fprintf(session->out, "error %d %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %s", error->code, error->sys_errno,
		error->pfn, error->wanted, error->found, error->zone, error->detail);
}
