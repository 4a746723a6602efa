"""Measurement: strategies timed against each other in rounds, interleaved, on the same memory."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import numpy as np

from clearfw import primitives, statistics
from clearfw.errors import UnclaimedError
from clearfw.machine import Counters, Machine
from clearfw.results import Latency, Result, Roofline, SceneRun, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clearfw.peers import Peer
    from clearfw.statistics import Row
    from clearfw.strategies import Strategy
    from clearfw.workloads import Bench, Options, Scene, Timing, Workload

# What the label of a variant shows for a strategy that brings its own instructions and calls no primitive.
OWN = "own"


@attrs.frozen
class Variant:
    """A stack of strategies with a primitive: one row of the result."""

    label: str
    stack: tuple[Strategy, ...]
    primitive: str

    @property
    def baseline(self) -> bool:
        """Whether the others are compared with it."""
        return len(self.stack) == 1 and self.stack[0].baseline


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be measured.

    Attributes:
        stacks: label and strategies of each row, before primitives multiply them.
        primitives: the first is the baseline's.
        rounds: how many, each with every variant once.

    """

    workload: Workload
    options: Options
    stacks: Sequence[tuple[str, tuple[Strategy, ...]]]
    primitives: Sequence[str]
    rounds: int
    peers: Sequence[Peer] = ()


@attrs.define
class _Samples:
    """Nanoseconds per byte of every row, by case, one a finished round."""

    rows: dict[tuple[int | None, str, str], list[float]] = attrs.Factory(dict)
    nbytes: dict[int | None, int] = attrs.Factory(dict)
    dirty: dict[tuple[str, str], int] = attrs.Factory(dict)
    finished: int = 0


_ROOFLINE = ("roofline", "")


def measure(plan: Plan, progress: Callable[[int, int, str], None]) -> Iterator[SceneRun]:
    """Yield what was measured of each scene. An interrupt ends the scene, which then has fewer rounds."""
    for scene in plan.workload.scenes(plan.options):
        with Machine(scene.config, ()) as machine:
            machine.populate()
            bench = plan.workload.open(scene, machine, plan.options)
            try:
                yield _measure_scene(plan, scene, machine, bench, progress)
            finally:
                bench.close()


def _measure_scene(
    plan: Plan, scene: Scene, machine: Machine, bench: Bench, progress: Callable[[int, int, str], None]
) -> SceneRun:
    best = primitives.by_size("best", machine.config)
    variants, counters, skipped = _rehearse(plan, machine, bench)
    samples = _Samples()
    interrupted = False
    try:
        for turn in range(plan.rounds):
            _round(plan, machine, bench, variants, best, turn, samples)
            samples.finished = turn + 1
            progress(turn + 1, plan.rounds, scene.label)
        latencies = _latencies(plan, machine, bench, variants)
    except KeyboardInterrupt:
        interrupted = True
        latencies = {}
    return SceneRun(
        label=scene.label,
        config=str(scene.config),
        backing=machine.backing,
        huge_bytes=machine.huge_bytes,
        rooflines=_rooflines(samples, best),
        results=tuple(_results(plan, machine, scene, variants, samples, counters, latencies)),
        skipped=tuple(skipped),
        rounds=samples.finished,
        interrupted=interrupted,
    )


def _apply(machine: Machine, variant: Variant) -> None:
    machine.set_stack(variant.stack)
    if variant.primitive != OWN:
        machine.set_primitives(primitives.by_size(variant.primitive, machine.config))


def _rehearse(
    plan: Plan, machine: Machine, bench: Bench
) -> tuple[list[Variant], dict[tuple[int | None, str, str], Counters], list[Skipped]]:
    """Run every variant once, untimed: it faults everything in, counts, and tells which cannot do this workload."""
    variants: list[Variant] = []
    counters: dict[tuple[int | None, str, str], Counters] = {}
    skipped: list[Skipped] = []
    for label, stack in plan.stacks:
        for primitive in plan.primitives:
            variant = Variant(label, stack, primitive)
            try:
                counted = _count(machine, bench, variant)
            except UnclaimedError:
                skipped.append(Skipped(label, f"passes on what this machine asks of it (zone {_zone(machine)})"))
                break
            own = not any(one.clear_calls for one in counted.values())
            variant = Variant(label, stack, OWN) if own else variant
            variants.append(variant)
            counters.update({(case, label, variant.primitive): one for case, one in counted.items()})
            if own:
                break
    return variants, counters, skipped


def _zone(machine: Machine) -> str:
    return "HIGHMEM" if machine.config.config_highmem else "NORMAL"


def _count(machine: Machine, bench: Bench, variant: Variant) -> dict[int | None, Counters]:
    _apply(machine, variant)
    counted = {}
    for case in bench.cases:
        machine.reset_counters()
        timings = bench.run(case, 0)
        for one in timings:
            counted[one] = machine.counters
    return counted


def _round(
    plan: Plan,
    machine: Machine,
    bench: Bench,
    variants: Sequence[Variant],
    best: Sequence[str],
    turn: int,
    samples: _Samples,
) -> None:
    """Take one sample of every row, in an order that the seed and the round decide."""
    taken: dict[tuple[int | None, str, str], float] = {}
    order = random.Random(f"{plan.options.seed} {turn}")  # noqa: S311
    for case in bench.cases:
        entries: list[Variant | Peer | None] = [None, *variants, *plan.peers]
        order.shuffle(entries)
        for place, entry in enumerate(entries):
            where = turn * len(entries) + place
            if entry is None:
                timing = bench.roofline(case, where, best[-1])
                taken[(case, *_ROOFLINE)] = timing.ns / timing.nbytes
            elif isinstance(entry, Variant):
                _apply(machine, entry)
                _take(taken, samples, entry, bench.run(case, where))
            else:
                timing = entry.run(bench, where)
                taken[case, entry.name, OWN] = timing.ns / timing.nbytes
    # Only a whole round counts: ratios are taken round by round.
    for key, value in taken.items():
        samples.rows.setdefault(key, []).append(value)


def _take(
    taken: dict[tuple[int | None, str, str], float],
    samples: _Samples,
    variant: Variant,
    timings: Mapping[int | None, Timing],
) -> None:
    for case, timing in timings.items():
        taken[case, variant.label, variant.primitive] = timing.ns / timing.nbytes
        samples.nbytes[case] = timing.nbytes
        if timing.dirty is not None:
            samples.dirty[variant.label, variant.primitive] = timing.dirty


def _roofline_case(samples: _Samples, case: int | None) -> Row:
    # A run that gives several results (churn) has one roofline for all of them.
    found = samples.rows.get((case, *_ROOFLINE)) or samples.rows.get((None, *_ROOFLINE), [])
    return np.array(found)


def _rooflines(samples: _Samples, best: Sequence[str]) -> tuple[Roofline, ...]:
    return tuple(
        Roofline(order=case, primitive=best[-1], gbps=1 / statistics.spread(row).median)
        for (case, *name), row in samples.rows.items()
        if tuple(name) == _ROOFLINE
    )


def _results(
    plan: Plan,
    machine: Machine,
    scene: Scene,
    variants: Sequence[Variant],
    samples: _Samples,
    counters: Mapping[tuple[int | None, str, str], Counters],
    latencies: Mapping[tuple[int | None, str, str], Latency],
) -> Iterator[Result]:
    by_label = {(variant.label, variant.primitive): variant for variant in variants}
    for (case, label, primitive), row in samples.rows.items():
        if (label, primitive) == _ROOFLINE:
            continue
        roofline = _roofline_case(samples, case)
        kept = ~statistics.disturbed(roofline)
        times = np.array(row)[kept]
        base = _baseline(variants, samples, case)
        variant = by_label.get((label, primitive))
        nbytes = samples.nbytes[case]
        counted = counters.get((case, label, primitive))
        yield Result(
            strategy=label,
            primitive=primitive,
            resolved=_resolved(primitive, counted, machine),
            workload=plan.workload.name,
            scene=scene.label,
            order=case,
            bytes=nbytes,
            rounds=int(kept.sum()),
            rounds_thrown_out=int((~kept).sum()),
            seconds=statistics.spread(times * nbytes / 1e9),
            gbps=1 / statistics.spread(times).median,
            modes_gbps=tuple(1 / mode for mode in statistics.modes(times)),
            baseline=base[0] if base else None,
            ratio=statistics.paired_ratio(base[1][kept], times, plan.options.seed) if base else None,
            of_roofline=statistics.paired_ratio(roofline[kept], times, plan.options.seed).ratio,
            counters=counted,
            latency=latencies.get((case, label, primitive)),
            interpreted=variant is not None and any(one.interpreted for one in variant.stack),
            peer=variant is None,
            dirty_offset=samples.dirty.get((label, primitive)),
        )


def _resolved(primitive: str, counted: Counters | None, machine: Machine) -> str:
    """Which primitive "best" was, for calls as large as this strategy's were on average."""
    if primitive != "best" or counted is None:
        return primitive
    table = primitives.by_size("best", machine.config)
    pages_a_call = counted.cleared_pages // counted.clear_calls
    return table[min(pages_a_call.bit_length() - 1, len(table) - 1)]


def _baseline(
    variants: Sequence[Variant], samples: _Samples, case: int | None
) -> tuple[tuple[str, str], Row] | None:
    """The baseline strategy with the first primitive: one for all rows, so that factors multiply."""
    first = next((variant for variant in variants if variant.baseline), None)
    if first is None:
        return None
    return (first.label, first.primitive), np.array(samples.rows[case, first.label, first.primitive])


def _latencies(
    plan: Plan, machine: Machine, bench: Bench, variants: Sequence[Variant]
) -> dict[tuple[int | None, str, str], Latency]:
    """In a run of its own, since a clock reading around every allocation would change the throughput."""
    take = getattr(bench, "latencies", None)
    if take is None or plan.options.init_on_free or len(bench.cases) == 1:
        return {}
    found = {}
    for variant in variants:
        _apply(machine, variant)
        for case in bench.cases:
            ns = take(case)
            p50, p99 = np.percentile(ns, [50, 99])
            found[case, variant.label, variant.primitive] = Latency(
                p50_ns=float(p50), p99_ns=float(p99), max_ns=int(ns[-1]), count=len(ns)
            )
    return found
