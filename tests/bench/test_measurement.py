"""Measurement: whole rounds, paired ratios, and what becomes of strategies that cannot or do not clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from clearfw import registry
from clearfw.bench.measurement import OWN, Variant, measure
from clearfw.bench.plan import Plan
from clearfw.bench.run import Skipped
from clearfw.config import Config
from clearfw.errors import StrategyError
from clearfw.markers import hookimpl
from clearfw.strategies import PythonStrategy, parse_stack
from clearfw.workloads.blocks import Hugetlb, Orders
from clearfw.workloads.protocol import Options, Scene, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clearfw.bench.run import Result, SceneRun
    from clearfw.machine import Machine
    from clearfw.strategies import NativeStrategy, Strategy
    from clearfw.workloads.protocol import Bench, Latency

NBYTES = 1 << 20


@attrs.define
class Script:
    """A bench that takes no time: it tells what it was told.

    Attributes:
        machine: set when it is opened.
        ns: what the nth sample of "STACK PRIMITIVE" takes, or of "roofline"; 1000 of what is not there.
        taken: every sample, in order: the case, who, and the turn.
        dirty: the strategies found dirty.
        interrupt_at: the number of samples after which Ctrl-C is pressed.

    """

    ns: Mapping[str, Callable[[int], int]] = attrs.field(factory=dict)
    cases: Sequence[int | None] = (9,)
    dirty: frozenset[str] = frozenset()
    interrupt_at: int = 1 << 30
    machine: Machine | None = None
    taken: list[tuple[int | None, str, int]] = attrs.field(factory=list)
    closed: int = 0

    def run(self, case: int | None, turn: int) -> dict[int | None, Timing]:
        """Have one page cleared, so that the strategy is asked, and answer from the script."""
        assert self.machine is not None
        self.machine.alloc_pages(0, "GFP_HIGHUSER").free()
        who = f"{self.machine.stack_name} {self.machine.primitives[0]}"
        first_dirty = 8 if self.machine.stack_name in self.dirty else None
        return {case: Timing(self.time(case, who, turn), NBYTES, first_dirty)}

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:
        """Answer from the script."""
        return Timing(self.time(case, "roofline", turn), NBYTES)

    def latencies(self) -> Mapping[int | None, Latency]:
        """Return none."""
        return {}

    def time(self, case: int | None, who: str, turn: int) -> int:
        """Return the next time of WHO, or be interrupted."""
        if len(self.taken) >= self.interrupt_at:
            raise KeyboardInterrupt
        before = sum(one[:2] == (case, who) for one in self.taken)
        self.taken.append((case, who, turn))
        return self.ns.get(who, lambda _: 1000)(before)

    def close(self) -> None:
        """Note it."""
        self.closed += 1


@attrs.define
class Scripted:
    """The workload of a script, on as many machines as there are labels."""

    script: Script
    labels: tuple[str, ...] = ("",)
    name: str = "scripted"
    summary: str = "for a test"
    point: str = "alloc"
    supports: frozenset[str] = frozenset()
    config: Config = Config(memory=16 << 20, backing="thp", init_on_alloc=True)  # noqa: RUF009  frozen

    def scenes(self, options: Options) -> list[Scene]:
        """One a label."""
        return [Scene(label, self.config) for label in self.labels]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Return the script."""
        self.script.machine = machine
        return self.script


def stacks(*texts: str | Strategy) -> list[tuple[str, tuple[Strategy, ...]]]:
    """Return installed stacks, and strategies as they are, by their labels."""
    known = registry.default().strategies
    return [
        (text, parse_stack(text, known)) if isinstance(text, str) else (text.name, (text,)) for text in texts
    ]


def planned(workload: object, *texts: str | Strategy, **more: object) -> Plan:
    """Return a plan of 3 rounds with stosb alone."""
    plan: dict[str, object] = {
        "workload": workload,
        "options": Options(),
        "stacks": stacks(*texts),
        "primitives": ["stosb"],
        "rounds": 3,
    }
    return Plan(**{**plan, **more})  # type: ignore[arg-type]


def nothing(*_: object) -> None:
    """Show no progress."""


def measured(script: Script, *texts: str | Strategy, **more: object) -> SceneRun:
    """Return what is found of one scene."""
    (run,) = measure(planned(Scripted(script), *texts, **more), nothing)
    return run


def by_name(run: SceneRun) -> dict[tuple[str, str], Result]:
    """Return the results by strategy and primitive."""
    return {(one.strategy, one.primitive): one for one in run.results}


def test_every_row_has_a_sample_in_every_round() -> None:
    """Variants, and the roofline with them."""
    script = Script()
    run = measured(script, "per_page", "batched", primitives=["stosb", "movq"], rounds=4)

    assert run.rounds == 4
    assert [one.rounds for one in run.results] == [4] * 4
    assert len([who for _, who, _ in script.taken if who == "roofline"]) == 4
    # A rehearsal of each first.
    assert len(script.taken) == 4 + 5 * 4


def test_the_order_within_rounds_changes_with_round_and_seed() -> None:
    """Whoever always ran after the same neighbour would inherit its caches."""

    def order(seed: int) -> list[str]:
        script = Script()
        measured(script, "per_page", "batched", rounds=8, options=Options(seed=seed))
        return [who for _, who, _ in script.taken]

    first = order(0)
    rounds = [tuple(first[at : at + 3]) for at in range(2, len(first), 3)]

    assert len(set(rounds)) > 1
    assert order(0) == first
    assert order(1) != first


def test_no_two_samples_in_a_row_share_their_turn() -> None:
    """Memory just used would not be cold."""
    script = Script()
    measured(script, "per_page", "batched")
    turns = [turn for _, _, turn in script.taken[2:]]

    assert turns == list(range(len(turns)))


def test_a_ratio_is_of_the_same_round() -> None:
    """Where every time doubles from round to round, what is twice as fast stays twice as fast."""
    ns = {"per_page stosb": lambda turn: 2000 << turn, "batched stosb": lambda turn: 1000 << turn}
    results = by_name(measured(Script(ns), "per_page", "batched"))

    ratio = results["batched", "stosb"].ratio
    assert ratio is not None
    assert (ratio.ratio, ratio.ci95) == (2.0, (2.0, 2.0))
    assert results["batched", "stosb"].baseline == ("per_page", "stosb")


def test_the_baseline_of_all_rows_is_the_first_primitives() -> None:
    """So that the two factors multiply."""
    ns = {
        "per_page stosb": lambda _: 6000,
        "per_page movq": lambda _: 3000,
        "batched stosb": lambda _: 5000,
        "batched movq": lambda _: 1000,
    }
    results = by_name(measured(Script(ns), "per_page", "batched", primitives=["stosb", "movq"]))

    assert {one.baseline for one in results.values()} == {("per_page", "stosb")}
    found = {key: one.ratio.ratio for key, one in results.items() if one.ratio}
    assert found == pytest.approx(
        {
            ("per_page", "stosb"): 1.0,
            ("per_page", "movq"): 2.0,
            ("batched", "stosb"): 1.2,
            ("batched", "movq"): 6.0,
        }
    )


def test_throughput_and_the_share_of_the_roofline_are_medians() -> None:
    """In 1e9 bytes a second, and the seconds are those of a sample."""
    # The first is the rehearsal's.
    ns = {"per_page stosb": [0, 4000, 2000, 1000].__getitem__, "roofline": lambda _: 1000}
    (result,) = measured(Script(ns), "per_page").results

    assert result.gbps == pytest.approx(NBYTES / 2000)
    assert result.of_roofline == pytest.approx(0.5)
    assert result.bytes == NBYTES
    assert (result.seconds.min, result.seconds.median, result.seconds.max) == pytest.approx(
        (1e-6, 2e-6, 4e-6)
    )


def test_a_disturbed_round_counts_for_nobody() -> None:
    """Where the roofline sags, every row loses that round, and says so."""
    ns = {"roofline": [1000, 9000, 1000].__getitem__, "per_page stosb": [0, 2000, 5000, 2000].__getitem__}
    run = measured(Script(ns), "per_page", "batched")

    assert {(one.rounds, one.rounds_thrown_out) for one in run.results} == {(2, 1)}
    assert by_name(run)["per_page", "stosb"].seconds.max == pytest.approx(2e-6)
    assert run.rounds == 3


def test_without_the_baseline_there_is_no_ratio() -> None:
    """A plan need not have one."""
    (result,) = measured(Script(), "batched").results

    assert (result.baseline, result.ratio) == (None, None)


def test_a_strategy_that_passes_on_is_left_out_with_the_reason() -> None:
    """And the others are measured."""
    run = measured(Script(), "per_page", "highmem_fallback")

    reason = "it claims nothing on this machine: no block of order 0 to 10, no list, no area"
    assert run.skipped == (Skipped("highmem_fallback", reason),)
    assert [one.strategy for one in run.results] == ["per_page"]


def test_what_was_left_out_beforehand_is_told_of_every_scene() -> None:
    """A reader of one table sees it."""
    broken = Skipped("mine", "mine crashed", broken=True)
    plan = planned(Scripted(Script(), ("one", "two")), "per_page", left_out=[broken])

    assert [run.skipped for run in measure(plan, nothing)] == [(broken,), (broken,)]


def test_a_strategy_without_a_primitive_is_measured_once() -> None:
    """It brings its own instructions: more rows would be the same row."""
    run = measured(Script(), "per_page", "s390_memset", primitives=["stosb", "movq"])

    assert [one.primitive for one in run.results if one.strategy == "s390_memset"] == [OWN]


def test_dirt_takes_the_ratio_away() -> None:
    """One dirty sample is enough; the first byte is named, and other rows keep their figures."""
    results = by_name(measured(Script(dirty=frozenset({"batched"})), "per_page", "batched"))

    dirty, clean = results["batched", "stosb"], results["per_page", "stosb"]
    assert (dirty.dirty_offset, dirty.ratio) == (8, None)
    assert clean.dirty_offset is None
    assert clean.ratio is not None


def test_what_a_sample_counts_is_told() -> None:
    """From the rehearsal, of one sample."""
    (result,) = measured(Script(), "per_page").results

    assert result.counters is not None
    assert (result.counters.inits, result.counters.pages, result.counters.clear_calls) == (1, 1, 1)


def test_best_is_resolved_for_the_size_of_the_calls() -> None:
    """Which primitive it was is part of the result."""
    (result,) = measured(Script(), "per_page", primitives=["best"]).results

    assert result.primitive == "best"
    assert result.resolved != "best"


@pytest.mark.parametrize(("finished", "samples"), [(1, 4), (2, 7), (2, 8)])
def test_an_interrupt_leaves_whole_rounds(finished: int, samples: int) -> None:
    """Two rehearsals, then rounds of three samples: the one it falls into is not counted."""
    script = Script(interrupt_at=2 + samples)
    run = measured(script, "per_page", "batched", rounds=50)

    assert (run.rounds, run.interrupted) == (finished, True)
    assert {one.rounds for one in run.results} == {finished}
    assert script.closed == 1


@pytest.mark.parametrize("samples", [0, 1, 2, 4])
def test_an_interrupt_before_the_first_round_is_over_is_passed_on(samples: int) -> None:
    """There is nothing to show; the machine is taken down all the same."""
    script = Script(interrupt_at=samples)

    with pytest.raises(KeyboardInterrupt):
        measured(script, "per_page", "batched")
    assert script.closed == 1
    assert script.machine is not None
    assert script.machine.closed


def test_an_interrupt_ends_the_scenes_as_well() -> None:
    """Whoever presses Ctrl-C wants out, and not the next machine."""
    script = Script(interrupt_at=1 + 5)
    runs = list(measure(planned(Scripted(script, ("one", "two")), "per_page", rounds=50), nothing))

    assert [(run.label, run.rounds, run.interrupted) for run in runs] == [("one", 2, True)]


def test_progress_is_told_after_every_round() -> None:
    """Rounds done, of how many, and the scene."""
    told: list[tuple[int, int, str]] = []
    plan = planned(Scripted(Script(), ("one",)), "per_page")
    list(measure(plan, lambda *said: told.append(said)))

    assert told == [(1, 3, "one"), (2, 3, "one"), (3, 3, "one")]


class Raising:
    """Clears nothing, and raises at the third block."""

    asked = 0

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> bool:
        """Claim twice."""
        self.asked += 1
        if self.asked > 2:
            msg = "of all things"
            raise RuntimeError(msg)
        return True


def test_what_a_strategy_raises_is_told_with_its_name() -> None:
    """Whenever it does; the exception itself is the cause."""
    raising = PythonStrategy("raising", Raising(), "")

    with pytest.raises(StrategyError, match="raising raised RuntimeError: of all things") as caught:
        measured(Script(), "per_page", raising)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_interpreted_strategy_is_known_as_such(noting: object) -> None:
    """Also where it is only a part of the stack."""
    python = PythonStrategy("noting", noting, "")
    plan = [*stacks("per_page"), ("noting+batched", (python, *stacks("batched")[0][1]))]
    results = by_name(measured(Script(), stacks=plan))

    assert {label: one.interpreted for (label, _), one in results.items()} == {
        "per_page": False,
        "noting+batched": True,
    }


@attrs.define
class Peer:
    """Takes half of the bytes in half of the time."""

    name: str = "peer"

    def run(self, bench: Bench, turn: int) -> Timing:
        """Take it."""
        return Timing(1000, NBYTES // 2)


def test_a_peer_is_compared_by_the_byte() -> None:
    """However much it clears at a time: it has a ratio, and no counters."""
    ns = {"per_page stosb": lambda _: 4000, "roofline": lambda _: 1000}
    results = by_name(measured(Script(ns), "per_page", peers=[Peer()]))
    peer = results["peer", OWN]

    assert peer.ratio is not None
    assert (peer.peer, peer.ratio.ratio, peer.counters) == (True, 2.0, None)
    assert peer.of_roofline == pytest.approx(0.5)
    assert peer.seconds.median == pytest.approx(2e-6)


def test_how_the_blocks_were_used_goes_with_the_run() -> None:
    """What is not in the machine's configuration."""
    plan = planned(
        Hugetlb(),
        "per_page",
        rounds=2,
        options=Options(memory=16 << 20, touch="first", hot=True, threads=2),
    )
    (run,) = measure(plan, nothing)

    assert (run.workload, run.how) == ("hugetlb", ("touch=first", "hot", "2 threads"))
    assert "memory=16M" in run.config


@pytest.mark.parametrize(
    "options", [{}, {"touch": "all"}, {"hot": True}, {"threads": 2}, {"init_on_free": True}]
)
def test_latencies_are_of_cold_allocations_left_alone(options: dict[str, object]) -> None:
    """Latencies exist for every order, and not for other workloads."""
    how = Options(memory=16 << 20, backing="thp", **options)  # type: ignore[arg-type]
    (run,) = measure(planned(Orders(), "batched", rounds=2, options=how), nothing)

    assert [one.latency is not None for one in run.results] == [not options] * 11
    for one in run.results:
        if one.latency:
            assert 0 < one.latency.p50_ns <= one.latency.p99_ns <= one.latency.max_ns
            assert one.order is not None
            assert one.latency.count == one.bytes // (4096 << one.order)


def test_a_hot_block_is_timed_whichever_point_clears_it() -> None:
    """Its allocations and frees are one loop: the time of the frees alone is not known."""
    for init_on_free in (False, True):
        options = Options(memory=32 << 20, backing="thp", hot=True, init_on_free=init_on_free)
        (run,) = measure(planned(Hugetlb(), "batched", rounds=2, options=options), nothing)

        assert [one.seconds.median > 0 for one in run.results] == [True]


def test_a_real_measurement_is_plausible() -> None:
    """Every byte it says was timed was cleared, and found clean."""
    plan = planned(
        Hugetlb(),
        "per_page",
        "batched",
        primitives=["stosb", "best"],
        options=Options(memory=32 << 20, backing="thp"),
    )
    (run,) = measure(plan, nothing)

    assert [roofline.order for roofline in run.rooflines] == [9]
    for one in run.results:
        assert one.gbps > 0
        assert one.dirty_offset is None
        assert one.counters is not None
        assert one.counters.cleared_pages * 4096 == one.bytes


def test_a_stack_counts_as_the_baseline_only_alone(c_strategy: Callable[..., NativeStrategy]) -> None:
    """Behind another strategy it is not the baseline any more."""
    base = c_strategy("base", "", "", baseline=True)
    other = c_strategy("other", "", "")

    def is_baseline(*stack: Strategy) -> bool:
        return Variant("x", stack, "stosb").baseline

    assert [is_baseline(base), is_baseline(other, base), is_baseline(other)] == [True, False, False]
