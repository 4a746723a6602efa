/* SPDX-License-Identifier: MIT */
#include "check/server/examine.h"

#include "check/examination.h"
#include "mm/cpu.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct examiner examiner;
static struct machine *machine;

void examine_machine(struct machine *booted)
{
	machine = booted;
}

/* examiner_start PATIENCE_NS MAX_EVENTS PATH: says whether it is instrumented, and takes lists. */
void do_examiner_start(struct session *session)
{
	uint64_t patience_ns = take(session), max_events = take(session);
	void *handle = dlopen(take_word(session), RTLD_NOW | RTLD_LOCAL);
	const struct clearfw_strategy *subject = handle ? dlsym(handle, "clearfw_strategy") : NULL;
	const struct clearfw_observed *observed = handle ? dlsym(handle, "clearfw_observed") : NULL;
	struct clearfw_error error = { 0 };

	if (!subject) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	if (examiner_init(&examiner, machine, subject, observed, &error)) {
		say_error(session, &error);
		return;
	}
	examiner.patience_ns = patience_ns;
	examiner.max_events = max_events;
	done(session);
	say(session, observed != NULL);
	say(session, subject->init_bulk != NULL);
}

void do_examiner_close(struct session *session)
{
	examiner_deinit(&examiner);
	done(session);
}

void do_examiner_seal(struct session *session)
{
	grant_seal(&examiner.grant);
	done(session);
}

void do_examiner_unseal(struct session *session)
{
	grant_unseal(&examiner.grant);
	done(session);
}

/* The struct pages that the rest of the request lists. */
static struct page **take_pages(struct session *session, int *nr)
{
	size_t room = strlen(session->next) / 2 + 1;
	struct page **pages = calloc(room, sizeof(*pages));

	if (!pages)
		exit((fputs("out of memory\n", stderr), 1));
	for (*nr = 0; session->next[strspn(session->next, " \n")]; (*nr)++)
		pages[*nr] = machine->mem_map + take(session);
	return pages;
}

void do_examiner_keep_open(struct session *session)
{
	int nr;
	struct page **pages = take_pages(session, &nr);

	grant_unseal(&examiner.grant);
	grant_seal(&examiner.grant);
	grant_keep_open(&examiner.grant, pages, (size_t)nr);
	free(pages);
	done(session);
}

void do_examiner_strict(struct session *session)
{
	machine->config.kmap = take(session) ? KMAP_STRICT : KMAP_PRICED;
	done(session);
}

void do_examiner_options(struct session *session)
{
	machine->init_on_alloc = take(session);
	machine->init_on_free = take(session);
	machine->debug = true;
	done(session);
}

static void begin(struct session *session)
{
	examiner_begin(&examiner);
	examiner.pattern.word = take(session);
	examiner.pattern.spot = (enum pattern_spot)take(session);
	examiner.pattern.pages = (enum pattern_pages)take(session);
}

void do_examiner_begin(struct session *session)
{
	begin(session);
	done(session);
}

/* What came of the cell: the finding's words are the rest of the line. */
void do_examiner_look(struct session *session)
{
	const struct finding *found = &examiner.found;

	done(session);
	fprintf(session->out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %d %d %" PRIu64 " %" PRIu64 " %d",
		examiner.calls, examiner.claims, examiner.events, examiner.new_blocks, examiner.new_sites,
		examiner.exhausted, (int)found->kind, found->code, found->pfn, found->offset, found->byte);
	for (int i = 0; i < FINDING_FRAMES; i++)
		say(session, found->pc[i]);
	fprintf(session->out, " %s", found->message);
}

/* 0: none; else 1 and its value. */
static const uint64_t *take_private(struct session *session, uint64_t *value)
{
	bool there = take(session);

	*value = take(session);
	return there ? value : NULL;
}

void do_examiner_block(struct session *session)
{
	uint64_t value;
	const uint64_t *private;
	enum init_point point;
	struct page *page;

	begin(session);
	private = take_private(session, &value);
	point = (enum init_point)take(session);
	page = machine->mem_map + take(session);
	examine_block(&examiner, point, page, (unsigned int)take(session), private);
	do_examiner_look(session);
}

void do_examiner_pages(struct session *session)
{
	uint64_t value;
	const uint64_t *private;
	enum init_point point;
	struct page **pages;
	int nr;

	begin(session);
	private = take_private(session, &value);
	point = (enum init_point)take(session);
	pages = take_pages(session, &nr);
	examine_list(&examiner, point, pages, nr, private);
	free(pages);
	do_examiner_look(session);
}

void do_examiner_area(struct session *session)
{
	uint64_t value;
	const uint64_t *private;
	const void *start;

	begin(session);
	private = take_private(session, &value);
	start = (const void *)(uintptr_t)take(session);
	examine_area(&examiner, start, (unsigned long)take(session), private);
	do_examiner_look(session);
}

void do_examiner_seen(struct session *session)
{
	done(session);
	for (size_t i = 0; examiner.seen && i < examiner.image_bytes; i++)
		if (examiner.seen[i])
			say(session, i);
}

void do_examiner_compares(struct session *session)
{
	done(session);
	for (int i = 0; examiner.sites && i < EXAMINER_SITES; i++) {
		const struct compare_site *site = &examiner.sites[i];

		if (site->pc)
			fprintf(session->out, " %" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d,%d,%d", site->pc, site->left,
				site->right, site->constant, site->left_varies, site->right_varies);
	}
}

void do_examiner_shared(struct session *session)
{
	done(session);
	for (int i = 0; i < examiner.nr_shared; i++)
		fprintf(session->out, " %" PRIu64 ",%" PRIu64, examiner.shared[i], examiner.shared_pc[i]);
}

void do_examiner_waste(struct session *session)
{
	done(session);
	say(session, examiner.waste);
	say(session, examiner.waste_of);
	say(session, examiner.remaps);
	say(session, examiner.remaps_of);
	say(session, examiner.longest_clear);
}
