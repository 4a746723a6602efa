/* SPDX-License-Identifier: MIT */
/*
 * Scripts of made-up traces: events that hang together loosely, and events that no kernel would record, in several
 * lanes. Whatever they are, the replay of them leaves the machine whole; and so it does with any request refused.
 */
#include "base/fault_inject.h"
#include "mm/boot.h"
#include "mm/machine.h"
#include "rig.h"
#include "trace/replay.h"

#undef memset

#define NR_EVENTS 20000
#define NR_LANES 3

static uint64_t ts[NR_EVENTS], pfn[NR_EVENTS];
static uint32_t gfp[NR_EVENTS];
static int32_t pid[NR_EVENTS];
static uint16_t cpu[NR_EVENTS];
static int8_t migratetype[NR_EVENTS];
static uint8_t order[NR_EVENTS], kind[NR_EVENTS];
static struct latency latencies[NR_PAGE_ORDERS];

static uint32_t random_below(uint64_t *state, uint32_t bound)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*state >> 33) % bound);
}

/* PAGES is how much memory the recording kernel had, in pages: little of it, and blocks meet. */
static void make_events(uint64_t seed, uint32_t pages, bool hostile)
{
	for (size_t i = 0; i < NR_EVENTS; i++) {
		order[i] = (uint8_t)random_below(&seed, hostile ? 256 : 6);
		pfn[i] = random_below(&seed, pages) & ~((1ull << (order[i] & 63)) - 1);
		if (hostile && !random_below(&seed, 4))
			pfn[i] = UINT64_MAX - random_below(&seed, 3);
		kind[i] = (uint8_t)random_below(&seed, hostile ? NR_TRACE_KINDS : 2);
		gfp[i] = random_below(&seed, UINT32_MAX);
		ts[i] = hostile ? random_below(&seed, 1000) : i;
	}
}

static struct replay_batch batch(size_t from, size_t to, uint32_t lane)
{
	return (struct replay_batch){
		.lane = lane,
		.events = { ts + from, pfn + from, gfp + from, pid + from, cpu + from, migratetype + from, order + from,
			    kind + from, to - from, to - from },
	};
}

static int make_script(struct replay_script *script, struct clearfw_error *error)
{
	struct replay_batch batches[] = {
		batch(0, 5000, 0),	batch(5000, 5000, 1),	    batch(5000, 12000, 1),
		batch(12000, 12001, 0), batch(12001, NR_EVENTS, 2),
	};

	return replay_script_init(script, batches, sizeof(batches) / sizeof(*batches), NR_LANES, error);
}

static int play(struct machine *machine, const struct replay_script *script, const struct replay_pass *pass)
{
	struct replay replay;
	int status = replay_init(&replay, machine, script, pass);

	while (!status && replay.next < script->nr)
		status = replay_run(&replay, 777);
	CHECK(status || !replay.result.dirty);
	replay_deinit(&replay);
	return status;
}

static const struct replay_pass passes[] = {
	{ .clear = true, .unseen = true },
	{ .clear = true, .unseen = true, .verify = true },
	{ .clear = true, .touch = TOUCH_ALL },
	{ .clear = true, .unseen = true, .latency = latencies },
	{ .clear = false },
};

static void test_whole_afterwards(const struct clearfw_config *config, uint32_t pages, bool hostile)
{
	struct machine *machine = boot_one(config, &claims_all);
	struct clearfw_error error;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct replay_script script;

		make_events(seed, pages, hostile);
		CHECK(make_script(&script, &error) == 0);
		CHECK(script.census.events == NR_EVENTS);
		for (size_t i = 0; i < sizeof(passes) / sizeof(*passes); i++) {
			CHECK(play(machine, &script, &passes[i]) == 0);
			CHECK(machine_nr_free(machine) == machine->nr_pages);
			CHECK(machine_is_valid(machine) == NULL);
		}
		replay_script_deinit(&script);
	}
	shut_down(machine);
}

static int make_and_play(struct machine *machine)
{
	struct replay_script script;
	struct clearfw_error error;
	int status = make_script(&script, &error);

	if (status)
		return status;
	status = play(machine, &script, &passes[0]);
	replay_script_deinit(&script);
	return status;
}

static void test_refused(void)
{
	struct machine *machine = boot_one(&small_config, &claims_all);
	int status;

	make_events(1, 1 << 12, false);
	for (uint64_t n = 1;; n++) {
		uint64_t before = fault_inject_calls();

		fault_inject_after(n);
		status = make_and_play(machine);
		fault_inject_after(0);
		CHECK(machine_nr_free(machine) == machine->nr_pages && machine_is_valid(machine) == NULL);
		if (fault_inject_calls() - before < n)
			break;
		CHECK(status < 0);
	}
	CHECK(status == 0);
	shut_down(machine);
}

/* Buckets are told apart to 1.6 %, and what is too long for any falls into the last. */
static void test_latency(void)
{
	static struct latency some;

	for (uint64_t ns = 1; ns <= 1000000; ns++)
		latency_add(&some, ns);
	for (int percent = 1; percent <= 99; percent++) {
		uint64_t exact = (uint64_t)percent * 10000, found = latency_percentile(&some, percent / 100.0);

		CHECK(found > exact - exact / 60 && found < exact + exact / 60);
	}
	CHECK(latency_percentile(&some, 1) <= some.max_ns && some.max_ns == 1000000);
	latency_add(&some, UINT64_MAX >> 1);
	CHECK(some.bucket[LATENCY_BUCKETS - 1] == 1 && latency_percentile(&some, 1) <= some.max_ns);
}

int main(void)
{
	struct clearfw_config config = small_config;

	test_whole_afterwards(&config, 1 << 16, true);
	config.init_on_alloc = true;
	test_whole_afterwards(&config, 1 << 12, false);
	config.highmem = config.memory / 2;
	config.kmap = KMAP_PRICED;
	test_whole_afterwards(&config, 1 << 10, false);
	config.init_on_alloc = false;
	config.init_on_free = true;
	test_whole_afterwards(&config, 1 << 12, false);
	config.kasan = KASAN_GENERIC;
	test_whole_afterwards(&config, 1 << 12, true);
	test_refused();
	test_latency();
	return 0;
}
