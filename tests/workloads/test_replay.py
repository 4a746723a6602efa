"""Replay: a trace's events become the machine's; what is odd in it is counted, and nothing is fatal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_traces import alloc, batched, events, failed, free, write

from clearfw import _core, hookimpl
from clearfw.bench.dry_run import dry_run
from clearfw.config import Config
from clearfw.errors import ConfigError, StrategyError, TraceError
from clearfw.gfp import Gfp
from clearfw.machine import Machine
from clearfw.strategies import from_file
from clearfw.traces import file
from clearfw.traces.census import Census
from clearfw.traces.file import Origin
from clearfw.workloads.protocol import Options
from clearfw.workloads.replay import ReplayWorkload, clears_nothing, memory_for, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from support.sample_traces import Row

MEMORY = 64 << 20
ZERO = "GFP_KERNEL|__GFP_ZERO"


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine that clears on allocation."""
    with Machine(Config(memory=MEMORY, init_on_alloc=True), "batched") as booted:
        yield booted


def script(*rows: Row) -> _core.ReplayScript:
    """Return the script of one batch."""
    return _core.ReplayScript([events(*rows)], [0])


def counts(*rows: Row) -> dict[str, int]:
    """Return the counts that are not zero, by name; those by order left out."""
    census = script(*rows).census
    return {name: count for name, count in census.items() if isinstance(count, int) and count}


CENSUSES = {
    "a pair": ([alloc(8), free(8)], {"allocs": 1, "frees": 1, "peak_pages": 1}),
    "left live": ([alloc(8, 3)], {"allocs": 1, "peak_pages": 8, "live_pages": 8}),
    "failed": ([failed(9)], {"failed": 1}),
    "freed in a batch": (
        [alloc(8), free(8), batched(8)],
        {"allocs": 1, "frees": 1, "batched": 1, "peak_pages": 1},
    ),
    "allocated before": ([free(8, 3)], {"frees": 1, "unmatched": 1}),
    "allocated with no event": (
        [alloc(8), free(8), free(8)],
        {"allocs": 1, "frees": 2, "unmatched": 1, "untraced": 1, "peak_pages": 1},
    ),
    "a page of a freed block, allocated with no event": (
        [alloc(8, 3), free(8, 3), free(11)],
        {"allocs": 1, "frees": 2, "unmatched": 1, "untraced": 1, "peak_pages": 8},
    ),
    "split_page()": (
        [alloc(8, 1), free(8), free(9)],
        {"allocs": 1, "frees": 2, "mismatched": 1, "peak_pages": 2},
    ),
    "from the middle": (
        [alloc(16, 4), free(21), free(24, 3)],
        {"allocs": 1, "frees": 2, "mismatched": 1, "peak_pages": 16, "live_pages": 7},
    ),
    "freed as a whole": (
        [alloc(8), alloc(9), free(8, 2)],
        {"allocs": 2, "frees": 1, "mismatched": 1, "peak_pages": 2},
    ),
    "the same page again": (
        [alloc(8), alloc(8)],
        {"allocs": 2, "reallocated": 1, "peak_pages": 1, "live_pages": 1},
    ),
    "within a live block": (
        [alloc(8, 3), alloc(9)],
        {"allocs": 2, "reallocated": 1, "peak_pages": 8, "live_pages": 1},
    ),
    "over live blocks": (
        [alloc(8), alloc(10, 1), alloc(8, 3), free(8, 3)],
        {"allocs": 3, "frees": 1, "reallocated": 1, "peak_pages": 8},
    ),
    "too large": ([alloc(0, 11), free(0, 11)], {"oversized": 2}),
    "not aligned": ([alloc(9, 3), free(1, 1)], {"misaligned": 2}),
}


@pytest.mark.parametrize(("rows", "expected"), CENSUSES.values(), ids=CENSUSES)
def test_what_a_trace_leaves_open_is_decided_and_counted(
    rows: list[Row], expected: dict[str, int], machine: Machine
) -> None:
    """Each by its name, and the machine is whole after the replay of it."""
    assert counts(*rows) == {"events": len(rows), **expected}
    free_before = machine.nr_free
    ran = script(*rows).run(machine)
    assert ran["nomem"] == 0
    assert machine.nr_free == free_before
    assert machine.what_is_wrong() is None


def test_an_event_before_the_one_before_is_counted() -> None:
    """Its place in the trace is kept."""
    early = events(free(8), first_ts=3)
    assert _core.ReplayScript([events(alloc(8), first_ts=5), early], [0, 0]).census["backwards"] == 1


def test_the_lanes_of_processors_are_merged_by_time() -> None:
    """A page freed on one processor and allocated on the other is never live twice."""
    rows = [alloc(8), free(8)] * 50
    one = events(*rows[0::2], step=20)
    other = events(*rows[1::2], first_ts=10, step=20, cpu=1)
    merged = _core.ReplayScript([one[:20], other, one[20:]], [0, 1, 0]).census
    unmerged = _core.ReplayScript([one, other], [0, 0]).census
    assert (merged["reallocated"], merged["unmatched"], merged["peak_pages"]) == (0, 0, 1)
    assert unmerged["reallocated"] == 49


def test_a_trace_of_known_answer_is_counted_exactly(machine: Machine) -> None:
    """Inits, pages, allocations and frees are the events'; what failed or was unmatched takes no part."""
    rows = [alloc(0, 9, ZERO), alloc(512), alloc(1024, 3), free(0, 9), failed(), free(9999), free(512)]
    machine.reset_counters()
    script(*rows).run(machine)
    counters = machine.counters
    assert (counters.allocs, counters.frees) == (3, 2)
    assert (counters.inits, counters.pages) == (3, 512 + 1 + 8)


def test_without_clearing_nothing_is_cleared() -> None:
    """__GFP_ZERO is left out too."""
    with Machine(Config(memory=MEMORY, init_on_alloc=False), "batched") as bare:
        script(alloc(0, 3, ZERO), free(0, 3)).run(bare, clear=False)
        assert bare.counters.inits == 0


def test_as_recorded_only_what_asked_for_zeroes_is_cleared() -> None:
    """The pages with __GFP_ZERO, under init_on_alloc=0."""
    with Machine(Config(memory=MEMORY, init_on_alloc=False), "batched") as plain:
        script(alloc(0, 3, ZERO), alloc(8, 4)).run(plain)
        assert plain.counters.pages == 8


def test_anonymous_huge_pages_are_told_by_their_flags() -> None:
    """The kernel clears them at their fault where init_on_alloc has not; others it does not."""
    huge, cached = "GFP_TRANSHUGE", "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_NOWARN|__GFP_NORETRY"
    rows = [alloc(0, 9, huge), alloc(512, 4, f"{huge}_LIGHT"), alloc(1024, 9, cached), alloc(2048, 0, huge)]
    made = script(*rows, alloc(1536, 9, f"{huge}|__GFP_ZERO"))
    assert [order for order, count in enumerate(made.census["fault_blocks"]) if count] == [4, 9]
    with Machine(Config(memory=MEMORY, init_on_alloc=False), "batched") as plain:
        made.run(plain)
        assert plain.counters.pages == 512
        made.run(plain, faults=True)
        assert plain.counters.pages == 512 + 512 + 512 + 16


def test_under_init_on_free_unmatched_frees_are_cleared() -> None:
    """The recording kernel cleared them, whoever had allocated them; what is left live was not freed."""
    with Machine(Config(memory=MEMORY, init_on_free=True), "batched") as freeing:
        ran = script(alloc(0, 3), free(0, 3), free(64, 2), alloc(128, 4))
        ran.run(freeing, unseen=True)
        assert (freeing.counters.inits, freeing.counters.pages) == (2, 8 + 4)
        freeing.reset_counters()
        ran.run(freeing)
        assert freeing.counters.pages == 8


def test_the_same_trace_twice_gives_the_same_free_lists() -> None:
    """On two machines: every struct page, and so every list, is the same."""
    random = np.random.default_rng(7)
    rows = [
        alloc(int(pfn) << 3, 3) if pfn % 3 else free(int(pfn) << 3, 3) for pfn in random.integers(0, 90, 500)
    ]
    states = []
    for _ in range(2):
        with Machine(Config(memory=MEMORY, init_on_alloc=True), "per_page") as fresh:
            script(*rows).run(fresh)
            states.append(np.frombuffer(fresh.struct_pages(), np.uint8).reshape(fresh.nr_pages, -1).copy())
    address = np.flatnonzero((states[0] != states[1]).any(axis=0))
    # Only the pages' virtual addresses may differ: eight bytes of each.
    assert len(address) == 0 or address.max() - address.min() < 8


def test_blocks_that_find_no_room_are_counted(machine: Machine) -> None:
    """And their frees left out, with the splits in between."""
    npages = machine.nr_pages
    rows = [alloc(pfn, 10) for pfn in range(0, npages + 4096, 1024)]
    rows += [free(npages + 1024 + 5), *(free(pfn, 10) for pfn in range(0, npages, 1024))]
    ran = script(*rows).run(machine)
    assert ran["nomem"] == 4
    assert machine.nr_free == npages


def test_a_block_left_dirty_is_found(tmp_path: Path) -> None:
    """The first of them, with the offset; what the kernel need not clear is not looked at."""
    source = tmp_path / "half.c"
    source.write_text(
        "#include <clearfw/strategy.h>\n"
        "static void f(struct page *page, int n) { clear_pages(page_address(page), n > 1 ? n - 1 : n); }\n"
        "CLEARFW_STRATEGY(half, .kernel_init_pages = f);\n"
    )
    rows = [alloc(0, 3), free(0, 3), alloc(0, 0), free(0, 0), alloc(8, 3), free(8, 3)] * 2
    with Machine(Config(memory=MEMORY, init_on_alloc=True), [from_file(source)]) as machine:
        ran = script(*rows).run(machine, verify=True)
        assert ran["checked"] == 6
        assert ran["dirty"] > 0
        assert ran["dirty_offset"] == 7 * 4096
    with Machine(Config(memory=MEMORY, init_on_alloc=True), "per_page") as machine:
        assert script(*rows).run(machine, verify=True)["dirty"] == 0


def test_latencies_are_of_what_may_clear(machine: Machine) -> None:
    """Allocations, by order and together; under init_on_free frees."""
    timed = script(alloc(0, 3), free(0, 3), alloc(8), alloc(9), free(9)).run(machine, latency=True)[
        "by_order"
    ]
    assert {order: one[0] for order, one in timed.items()} == {0: 2, 3: 1, None: 3}
    count, total, p50, p99, most = timed[None]
    assert 0 < p50 <= p99 <= most <= total
    assert count == 3
    with Machine(Config(memory=MEMORY, init_on_free=True), "batched") as freeing:
        timed = script(alloc(0, 3), free(0, 3), alloc(8)).run(freeing, latency=True)["by_order"]
        assert {order: one[0] for order, one in timed.items()} == {3: 1, None: 1}


def test_a_failing_strategy_ends_the_replay_and_loses_nothing(machine: Machine) -> None:
    """Its error is raised, and every block is back."""

    class Failing:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: object) -> bool:
            msg = "no"
            raise StrategyError(msg, "failing")

    machine.set_stack([Failing()])
    before = machine.nr_free
    with pytest.raises(StrategyError, match="no"):
        script(alloc(0, 3), alloc(8)).run(machine)
    assert machine.nr_free == before
    assert machine.what_is_wrong() is None


def test_eight_bytes_an_operation() -> None:
    """Of the 32 that an event may take."""
    ran = script(*([alloc(8), free(8)] * 1000))
    assert (ran.nops, ran.nbytes) == (2000, 16000)


# Against an independent count, in Python, of a kernel's pages one by one

PAGES = 64
ROWS = st.lists(
    st.one_of(
        st.builds(
            lambda order, at, gfp: alloc((at << order) % PAGES, order, gfp),
            st.integers(0, 4),
            st.integers(0, PAGES - 1),
            st.sampled_from(["GFP_KERNEL", ZERO, "GFP_HIGHUSER|__GFP_COMP"]),
        ),
        st.builds(
            lambda order, at: free((at << order) % PAGES, order), st.integers(0, 4), st.integers(0, PAGES - 1)
        ),
        st.just(failed()),
        st.builds(batched, st.integers(0, PAGES - 1)),
    ),
    max_size=120,
)


def count_by_page(rows: Sequence[Row]) -> dict[str, int]:
    """Count what the events say, of each page by itself: which block holds it."""
    block_of: dict[int, tuple[int, int]] = {}
    seen_free: set[int] = set()
    found = dict.fromkeys(
        ("allocs", "failed", "frees", "batched", "unmatched", "mismatched", "reallocated", "peak_pages"), 0
    )
    for kind, pfn, order, *_ in rows:
        span = range(pfn, pfn + (1 << order))
        if kind == file.Kind.FREE_BATCHED:
            found["batched"] += 1
        elif pfn == file.NO_PFN:
            found["failed"] += 1
        elif kind == file.Kind.ALLOC:
            overlapping = {block_of[page] for page in span if page in block_of}
            found["allocs"] += 1
            found["reallocated"] += bool(overlapping)
            block_of = {page: block for page, block in block_of.items() if block not in overlapping}
            block_of |= dict.fromkeys(span, (pfn, order))
        else:
            found["frees"] += 1
            held = {block_of[page] for page in span if page in block_of}
            if not held:
                found["unmatched"] += 1
            elif held != {(pfn, order)}:
                found["mismatched"] += 1
            block_of = rest_of(block_of, span)
            seen_free |= set(span)
        found["peak_pages"] = max(found["peak_pages"], len(block_of))
    return {**found, "live_pages": len(block_of)}


def rest_of(block_of: dict[int, tuple[int, int]], span: range) -> dict[int, tuple[int, int]]:
    """Return the pages without SPAN, what is left of a larger block halved as a buddy would."""
    rest: dict[int, tuple[int, int]] = {}
    for page, (head, order) in block_of.items():
        if page in span:
            continue
        while any(one in range(head, head + (1 << order)) for one in span) and order:
            order -= 1  # noqa: PLW2901
            head = page >> order << order  # noqa: PLW2901
        rest[page] = (head, order)
    return rest


@given(ROWS)
def test_the_census_is_that_of_an_independent_count(rows: list[Row]) -> None:
    """Whatever the events are."""
    census = script(*rows).census
    expected = count_by_page(rows)
    assert {name: census[name] for name in expected} == expected


@given(ROWS)
def test_as_many_pages_are_cleared_as_the_events_say(rows: list[Row]) -> None:
    """On any trace, the machine whole afterwards, and every block zero that should be."""
    cleared = sum(
        1 << order for kind, pfn, order, *_ in rows if kind == file.Kind.ALLOC and pfn != file.NO_PFN
    )
    asked = sum(
        1 << order
        for kind, pfn, order, *gfp in rows
        if kind == file.Kind.ALLOC and pfn != file.NO_PFN and gfp == [int(Gfp.parse(ZERO))]
    )
    made = script(*rows)
    for init_on_alloc, expected in ((True, cleared), (False, asked)):
        with Machine(Config(memory=16 << 20, init_on_alloc=init_on_alloc), "batched") as machine:
            assert made.run(machine)["nomem"] == 0
            assert machine.counters.pages == expected
            assert made.run(machine, verify=True)["dirty"] == 0
            assert machine.what_is_wrong() is None
            assert machine.nr_free == machine.nr_pages


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 2**64 - 1), st.integers(0, 255), st.integers(0, 2**64 - 1)
        ),
        max_size=60,
    )
)
def test_no_trace_breaks_the_replay(hostile: list[tuple[int, int, int, int]]) -> None:
    """Any pfn, any order, any time: counted, replayed as far as it makes sense."""
    made = events(*[(kind, pfn, order) for kind, pfn, order, _ in hostile])
    made = attrs.evolve(made, ts=np.array([ts for *_, ts in hostile], np.uint64))
    ran = _core.ReplayScript([made], [0])
    with Machine(Config(memory=16 << 20, init_on_alloc=True), "batched") as machine:
        ran.run(machine)
        assert machine.what_is_wrong() is None


# As a workload

ROWS_LIVE = [alloc(0, 9), alloc(512, 3), free(512, 3)]


def prepared(path: Path, rows: Sequence[Row] = ROWS_LIVE, **origin: Any) -> Any:  # noqa: ANN401
    """Return a trace made ready."""
    written = write(path / "a.trace", events(*rows), origin=Origin(source="test", **origin))
    return prepare(file.read(written))


def test_an_empty_trace_is_refused(tmp_path: Path) -> None:
    """There is nothing to say of it."""
    with pytest.raises(TraceError, match=r"a\.trace has no events: record a program"):
        prepared(tmp_path, [])


def test_the_machine_has_room_for_what_was_live(tmp_path: Path) -> None:
    """In whole blocks, at the trace's page size, and some more against fragmentation."""
    small = prepared(tmp_path)
    assert memory_for(small) >= 64 << 20
    large = prepared(tmp_path, [alloc(pfn, 10) for pfn in range(0, 1 << 16, 1024)])
    assert 1.25 * (1 << 28) <= memory_for(large) <= 1.25 * (1 << 28) + (8 << 20)
    wide = prepared(tmp_path, [alloc(pfn, 10) for pfn in range(0, 1 << 13, 1024)], page_size=65536)
    assert memory_for(wide) % (64 << 20) == 0
    assert memory_for(wide) >= 512 << 20


def test_the_settings_it_was_recorded_with_must_be_known(tmp_path: Path) -> None:
    """Else it says what to do."""
    with pytest.raises(ConfigError, match=r"does not say whether init_on_alloc.*replay with --init-on-alloc"):
        ReplayWorkload(prepared(tmp_path), "recorded").config(Options())
    known = prepared(tmp_path, init_on_alloc=False, init_on_free=True)
    config = ReplayWorkload(known, "recorded").config(Options())
    assert (config.init_on_alloc, config.init_on_free) == (False, True)


@pytest.mark.parametrize("mode", ["alloc", "free"])
def test_a_sample_is_the_clears_alone(mode: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """As many bytes as the init points were given, in less time than the whole replay."""
    workload = ReplayWorkload(prepared(tmp_path), mode)
    (scene,) = workload.scenes(Options())
    with Machine(scene.config, "batched") as machine:
        bench = workload.open(scene, machine, Options())
        timing = bench.run(None, 0)[None]
        assert timing.nbytes == (520 if mode == "alloc" else 8) * 4096
        assert timing.dirty is None
        assert timing.ns > 0
        bench.close()


def test_a_trace_in_which_nothing_is_cleared_is_told(tmp_path: Path) -> None:
    """It has no ratio of anything."""
    made = prepared(tmp_path, [alloc(0)], init_on_alloc=False, init_on_free=False)
    workload = ReplayWorkload(made, "recorded")
    (scene,) = workload.scenes(Options())
    assert clears_nothing(workload, scene.config)
    with Machine(scene.config, "batched") as machine:
        bench = workload.open(scene, machine, Options())
        with pytest.raises(TraceError, match="nothing in this trace is cleared"):
            bench.run(None, 0)
        bench.close()


def test_a_dry_run_tells_what_does_not_fit(tmp_path: Path) -> None:
    """Before any strategy is timed."""
    made = prepared(tmp_path, [alloc(pfn, 10) for pfn in range(0, 1 << 15, 1024)])
    config = ReplayWorkload(made).config(Options(memory=64 << 20))
    dry = dry_run(made, config, rounds=1)
    assert dry.nomem == 16
    assert dry.events_per_s > 0


def test_the_census_has_a_field_for_each_count(tmp_path: Path) -> None:
    """Of the core."""
    assert {field.name for field in attrs.fields(Census)} == set(script(alloc(0)).census)
