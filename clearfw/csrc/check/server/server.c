/* SPDX-License-Identifier: MIT */
/*
 * A machine that is asked over sockets: what clearfw/checks/server.py starts on another architecture, so that the
 * checks, which are Python, question this core there. One line a request, one line a reply; numbers in
 * decimal, whatever the byte order of either side.
 *
 * server STRATEGY.so FAULTS SOCKET...: each socket has a thread, which is a CPU of the machine.
 */
#include "bench/arena.h"
#include "check/crash_report.h"
#include "check/garbage.h"
#include "check/litmus.h"
#include "check/server/session.h"
#include "check/server/examine.h"
#include "check/witness.h"
#include "mm/hugetlb.h"
#include "mm/boot.h"
#include "mm/contents.h"
#include "mm/cpu.h"
#include "mm/gfp.h"
#include "mm/init_point.h"
#include "mm/machine.h"
#include "mm/page_alloc.h"
#include "mm/page_bulk.h"
#include "mm/page_contig.h"
#include "mm/strategy_api.h"
#include "mm/vmalloc.h"
#include "primitives/primitive.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_MEMORY "out of memory"

static struct machine *machine;
static const struct clearfw_strategy *strategy;

/* Says how a call of the core ended; whether it ended well. */
static bool ended_well(struct session *session, int status)
{
	if (!status) {
		done(session);
		return true;
	}
	say_error(session, &this_cpu(machine)->error);
	return false;
}

static struct page *take_page(struct session *session)
{
	return machine->mem_map + take(session);
}

/* The pages that the rest of the request lists, and how many. */
static struct page **take_pages(struct session *session, int *nr)
{
	int room = 0;
	struct page **pages;

	for (const char *at = session->next; *at; at++)
		room += *at == ' ';
	pages = calloc((size_t)room + 1, sizeof(*pages));
	if (!pages)
		exit((fputs(NO_MEMORY, stderr), 1));
	for (*nr = 0; *nr < room; (*nr)++)
		pages[*nr] = take_page(session);
	return pages;
}

static void say_pfns(struct session *session, struct page *const *pages, int nr)
{
	for (int i = 0; i < nr; i++)
		if (pages[i])
			say(session, pages[i]->pfn);
		else
			fputs(" -", session->out);
}

/* Booting */

static bool bind_point(enum init_point point)
{
	const struct clearfw_strategy *const frame[] = { &garbage_strategy, strategy, &witness_strategy };
	const struct clearfw_strategy *chain[3];
	int nr = 0;

	for (int i = 0; i < 3; i++)
		if (strategy_has_point(frame[i], point))
			chain[nr++] = frame[i];
	return !init_point_bind(machine, point, chain, nr);
}

static void take_config(struct session *session, struct clearfw_config *config)
{
	config->memory = take(session);
	config->hole = take(session);
	config->highmem = take(session);
	config->page_shift = (uint32_t)take(session);
	config->backing = (enum clearfw_backing)take(session);
	config->kasan = (enum clearfw_kasan)take(session);
	config->kmap = (enum clearfw_kmap)take(session);
	config->preempt = (enum clearfw_preempt)take(session);
	config->init_on_alloc = take(session);
	config->init_on_free = take(session);
	config->page_poison = take(session);
	config->kasan_vmalloc = take(session);
	config->vmalloc_init_always = take(session);
	config->kasan_sample = (uint32_t)take(session);
	config->kasan_sample_order = (uint32_t)take(session);
	config->seed = take(session);
}

static void do_boot(struct session *session)
{
	struct clearfw_config config = { 0 };
	struct clearfw_error error = { 0 };
	const struct clearfw_primitive *primitive;

	take_config(session, &config);
	primitive = primitive_by_name(take_word(session));
	machine = machine_create(&config, &error);
	if (!machine) {
		say_error(session, &error);
		return;
	}
	examine_machine(machine);
	if (primitive)
		machine_set_primitive(machine, primitive);
	for (int point = 0; point < NR_INIT_POINTS; point++)
		if (!bind_point((enum init_point)point))
			exit((fputs(NO_MEMORY, stderr), 1));
	done(session);
	say(session, machine->first_pfn);
	say(session, machine->max_pfn);
	say(session, machine->nr_pages);
}

/* Pages */

static void do_alloc(struct session *session)
{
	unsigned int order = (unsigned int)take(session);
	struct page *page;

	if (ended_well(session, machine_alloc(machine, order, (gfp_t)take(session), &page)))
		say(session, page->pfn);
}

static void do_alloc_contig(struct session *session)
{
	unsigned int order = (unsigned int)take(session);
	struct page *page;

	if (ended_well(session, machine_alloc_contig(machine, order, (gfp_t)take(session), &page)))
		say(session, page->pfn);
}

static void do_free(struct session *session)
{
	struct page *page = take_page(session);

	ended_well(session, machine_free(machine, page, (unsigned int)take(session)));
}

static void do_alloc_bulk(struct session *session)
{
	int nr = (int)take(session);
	struct page **pages = calloc((size_t)nr, sizeof(*pages));

	if (!pages)
		exit((fputs(NO_MEMORY, stderr), 1));
	if (ended_well(session, machine_alloc_bulk(machine, (gfp_t)take(session), pages, nr)))
		say_pfns(session, pages, nr);
	free(pages);
}

static void do_free_bulk(struct session *session)
{
	int nr;
	struct page **pages = take_pages(session, &nr);

	ended_well(session, machine_free_bulk(machine, pages, nr));
	free(pages);
}

static void do_fill(struct session *session)
{
	uint8_t byte = (uint8_t)take(session);
	uint32_t pfn = (uint32_t)take(session);

	machine_fill(machine, pfn, (size_t)take(session), byte);
	done(session);
}

static void do_first_not(struct session *session)
{
	uint8_t byte = (uint8_t)take(session);
	uint32_t pfn = (uint32_t)take(session);
	struct byte_found found;
	bool differs = machine_first_not(machine, pfn, (size_t)take(session), byte, &found);

	if (!ended_well(session, machine_lost_sight(machine)) || !differs)
		return;
	say(session, found.pfn);
	say(session, found.offset);
	say(session, found.byte);
}

/* Field by field: their places and their byte order are this architecture's own. */
static void do_struct_pages(struct session *session)
{
	done(session);
	for (uint32_t pfn = machine->first_pfn; pfn < machine->max_pfn; pfn++) {
		const struct page *page = &machine->mem_map[pfn];

		fprintf(session->out, " %x,%x,%zx,%x,%x,%x,%x,%x,%x", page->flags, page->pfn, (size_t)page->virtual,
			page->lru.next, page->lru.prev, page->order, page->kasan_tag, page->zone,
			(unsigned int)page->mapcount);
	}
}

/* Init points */

static void do_points(struct session *session)
{
	done(session);
	for (int point = 0; point < NR_INIT_POINTS; point++)
		say(session, strategy_has_point(strategy, (enum init_point)point));
}

static void do_init_pages(struct session *session)
{
	enum init_point point = (enum init_point)take(session);
	struct page *page = take_page(session);

	ended_well(session, init_pages(this_cpu(machine), point, page, (unsigned int)take(session)));
}

static void do_init_bulk(struct session *session)
{
	enum init_point point = (enum init_point)take(session);
	int nr;
	struct page **pages = take_pages(session, &nr);

	if (ended_well(session, init_bulk(this_cpu(machine), point, pages, nr)))
		say_pfns(session, pages, nr);
	free(pages);
}

static void do_vmalloc(struct session *session)
{
	size_t nbytes = (size_t)take(session);
	gfp_t gfp = (gfp_t)take(session);
	struct vmalloc_area *area;

	if (!ended_well(session, vmalloc(machine, nbytes, gfp, take(session) ? VMALLOC_ALLOW_HUGE : 0, &area)))
		return;
	say(session, (uintptr_t)area->tagged);
	for (uint32_t i = 0; i < area->nr_pages; i++)
		say(session, area->pfns[i]);
}

static void do_vfree(struct session *session)
{
	ended_well(session, vfree(machine, (const void *)(uintptr_t)take(session)));
}

static void do_litmus(struct session *session)
{
	enum init_point point = (enum init_point)take(session);
	struct page *page = take_page(session);
	uint64_t budget_ns = take(session);
	const struct clearfw_primitive *unfenced = primitive_by_name(take_word(session));
	struct litmus_result result;

	if (!ended_well(session, litmus_run(machine, point, page, unfenced, budget_ns, &result)))
		return;
	say(session, result.rounds);
	if (result.offset != UINT64_MAX)
		say(session, result.offset);
}

/* State */

static void do_stats(struct session *session)
{
	struct clearfw_stats stats;

	machine_stats(machine, &stats);
	done(session);
#define SAY_STAT(name) fprintf(session->out, " " #name "=%" PRIu64, stats.name);
	CLEARFW_STATS(SAY_STAT)
#undef SAY_STAT
	fprintf(session->out, " longest_clear=%" PRIu64, stats.longest_clear);
}

static void do_reset_stats(struct session *session)
{
	machine_reset_stats(machine);
	done(session);
}

static void do_witness(struct session *session)
{
	struct witness seen;

	witness_take(&seen);
	done(session);
	say(session, seen.asked);
	say(session, seen.touched);
	say(session, seen.pfn);
}

static void do_kasan_report(struct session *session)
{
	const struct kasan_report *report = &this_cpu(machine)->kasan_report;

	done(session);
	if (!report->addr)
		return;
	say(session, report->pfn);
	say(session, report->memory_tag);
}

static void do_primitives(struct session *session)
{
	const struct clearfw_primitive *primitive;

	done(session);
	for (int i = 0; (primitive = primitive_at(i)); i++)
		fprintf(session->out, " %s,%d,%d", primitive->name, primitive->fence != NULL,
			primitive_is_supported(primitive));
}

static void do_populate(struct session *session)
{
	struct clearfw_error error = { 0 };

	if (memory_populate(&machine->memory, machine->config.backing, &error))
		say_error(session, &error);
	else
		done(session);
}

static void do_drain(struct session *session)
{
	machine_drain(machine);
	done(session);
}

/* As the checks use an arena: all memory taken, every other page of it let go. */
static void do_fragment(struct session *session)
{
	struct clearfw_error error = { 0 };
	static struct arena arena;

	if (arena_init(&arena, machine, (size_t)take(session), &error)) {
		say_error(session, &error);
		return;
	}
	arena_fragment(&arena, take(session));
	done(session);
}

static void do_what_is_wrong(struct session *session)
{
	const char *wrong = machine_is_valid(machine);

	done(session);
	fprintf(session->out, " %s", wrong ? wrong : "");
}

static void do_nr_free(struct session *session)
{
	done(session);
	say(session, machine_nr_free(machine));
}

/* A pool of huge pages of an order grows by so many, and shrinks again. */
static void do_grow(struct session *session)
{
	unsigned int order = (unsigned int)take(session);
	uint64_t count = take(session), grown;
	struct hugetlb_pool pool;
	int status;

	hugetlb_init(&pool, machine, order);
	status = hugetlb_grow(&pool, count, &grown);
	ended_well(session, status ? status : hugetlb_shrink(&pool, count));
}

static const struct request {
	const char *name;
	void (*answer)(struct session *session);
} requests[] = {
	{ "points", do_points },
	{ "primitives", do_primitives },
	{ "boot", do_boot },
	{ "alloc", do_alloc },
	{ "alloc_contig", do_alloc_contig },
	{ "alloc_bulk", do_alloc_bulk },
	{ "free", do_free },
	{ "free_bulk", do_free_bulk },
	{ "fill", do_fill },
	{ "first_not", do_first_not },
	{ "struct_pages", do_struct_pages },
	{ "init_pages", do_init_pages },
	{ "init_bulk", do_init_bulk },
	{ "vmalloc", do_vmalloc },
	{ "vfree", do_vfree },
	{ "litmus", do_litmus },
	{ "stats", do_stats },
	{ "reset_stats", do_reset_stats },
	{ "witness", do_witness },
	{ "kasan_report", do_kasan_report },
	{ "populate", do_populate },
	{ "drain", do_drain },
	{ "fragment", do_fragment },
	{ "what_is_wrong", do_what_is_wrong },
	{ "nr_free", do_nr_free },
	{ "grow", do_grow },
	{ "examiner_start", do_examiner_start },
	{ "examiner_close", do_examiner_close },
	{ "examiner_seal", do_examiner_seal },
	{ "examiner_unseal", do_examiner_unseal },
	{ "examiner_keep_open", do_examiner_keep_open },
	{ "examiner_strict", do_examiner_strict },
	{ "examiner_options", do_examiner_options },
	{ "examiner_begin", do_examiner_begin },
	{ "examiner_block", do_examiner_block },
	{ "examiner_pages", do_examiner_pages },
	{ "examiner_area", do_examiner_area },
	{ "examiner_look", do_examiner_look },
	{ "examiner_seen", do_examiner_seen },
	{ "examiner_compares", do_examiner_compares },
	{ "examiner_shared", do_examiner_shared },
	{ "examiner_waste", do_examiner_waste },
};

static void answer(struct session *session)
{
	const char *name = take_word(session);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(requests[i].name, name)) {
			requests[i].answer(session);
			return;
		}
	fprintf(stderr, "no such request: %s\n", name);
	exit(1);
}

/* Until the other side hangs up. */
static void *serve(void *context)
{
	struct session *session = context;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, session->in) > 0) {
		session->next = line;
		answer(session);
		putc('\n', session->out);
		fflush(session->out);
	}
	free(line);
	return NULL;
}

static bool open_session(struct session *session, int fd)
{
	session->in = fdopen(fd, "r");
	session->out = fdopen(dup(fd), "w");
	return session->in && session->out;
}

static const struct clearfw_strategy *load(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct clearfw_strategy *loaded = handle ? dlsym(handle, "clearfw_strategy") : NULL;

	if (!loaded) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	if (loaded->abi != CLEARFW_ABI || loaded->size != sizeof(*loaded)) {
		fprintf(stderr, "ABI %u, this clearfw has %u\n", loaded->abi, CLEARFW_ABI);
		exit(2);
	}
	/* The one thing the core writes into a strategy: where its table of functions is. */
	*loaded->core = &clearfw_core_table;
	return loaded;
}

int main(int argc, char **argv)
{
	struct session sessions[8];
	int nr = argc - 3;

	if (nr < 1 || nr > 8 || crash_report_to(atoi(argv[2]))) {
		fputs("usage: server STRATEGY.so FAULTS SOCKET...\n", stderr);
		return 2;
	}
	strategy = load(argv[1]);
	for (int i = 0; i < nr; i++)
		if (!open_session(&sessions[i], atoi(argv[3 + i])))
			return 1;
	for (int i = 1; i < nr; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, serve, &sessions[i]))
			return 1;
	}
	serve(&sessions[0]);
	/* As one: a machine with threads on it is not taken down piece by piece. */
	_Exit(0);
}
