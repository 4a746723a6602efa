"""Measurement: strategies timed against each other in rounds, interleaved, on the same memory."""

from __future__ import annotations

import contextlib
import functools
import random
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

from clearfw import primitives
from clearfw._core import MAX_ORDER
from clearfw.bench import claims, preflight, statistics
from clearfw.bench.run import Result, Roofline, SceneRun, Skipped
from clearfw.errors import ClearfwError, StrategyError, UnclaimedError
from clearfw.machine import Counters, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clearfw.bench.peers import Peer
    from clearfw.bench.plan import Plan
    from clearfw.bench.statistics import Samples
    from clearfw.strategies import Strategy
    from clearfw.workloads.protocol import Bench, Latency, Options, Scene, Timing

# Label of a strategy that has its own instructions and calls no primitive.
OWN = "own"
_ALL = 100  # percent

Progress: TypeAlias = "Callable[[int, int, str], None]"
# A row of the result: the case, the label of the stack, the primitive.
_Key: TypeAlias = tuple[int | None, str, str]
_ROOFLINE = ("roofline", "")


@attrs.frozen
class Variant:
    """A stack of strategies with a primitive: one row of the result.

    Attributes:
        claims: the share of the pages that it claims, where that is not all; another clears the rest.

    """

    label: str
    stack: tuple[Strategy, ...]
    primitive: str
    claims: Mapping[int | None, float] = attrs.field(factory=dict)

    def does(self, case: int | None) -> bool:
        """Whether it claims anything of CASE."""
        return self.claims.get(case, 1.0) > 0

    @property
    def baseline(self) -> bool:
        """Whether the others are compared with it."""
        return len(self.stack) == 1 and self.stack[0].baseline

    @property
    def interpreted(self) -> bool:
        """Whether a strategy in Python takes part."""
        return any(strategy.interpreted for strategy in self.stack)


def measure(plan: Plan, progress: Progress) -> Iterator[SceneRun]:
    """Yield the results of each scene; PROGRESS gets finished rounds, all rounds, and the scene.

    An interrupt ends it: what was measured so far, in whole rounds, or KeyboardInterrupt where there is none.
    """
    for scene in plan.workload.scenes(plan.options):
        with Machine(scene.config, ()) as machine:
            machine.populate()
            bench = plan.workload.open(scene, machine, plan.options)
            try:
                run = _Session(plan, scene, machine, bench).run(progress)
            finally:
                bench.close()
        yield run
        if run.interrupted:
            return


@attrs.define
class _Session:
    """A scene being measured.

    Attributes:
        variants: the rows that can do the workload, in the order of the plan.
        samples: nanoseconds per byte of every row, one a whole round.
        nbytes: of a sample, by case.
        dirty: the first byte found dirty, by label and primitive.

    """

    plan: Plan
    scene: Scene
    machine: Machine
    bench: Bench
    variants: list[Variant] = attrs.field(factory=list)
    skipped: list[Skipped] = attrs.field(factory=list)
    counters: dict[_Key, Counters] = attrs.field(factory=dict)
    samples: dict[_Key, list[float]] = attrs.field(factory=dict)
    nbytes: dict[int | None, int] = attrs.field(factory=dict)
    dirty: dict[tuple[str, str], int] = attrs.field(factory=dict)
    latencies: dict[_Key, Latency] = attrs.field(factory=dict)

    def run(self, progress: Progress) -> SceneRun:
        """Measure it all, or until interrupted."""
        finished, interrupted = 0, False
        for label, stack in self.plan.stacks:
            self.rehearse(label, stack)
        try:
            while finished < self.plan.rounds:
                self.round(finished)
                finished += 1
                progress(finished, self.plan.rounds, self.scene.label)
            self.take_latencies()
        except KeyboardInterrupt:
            if not finished:
                raise
            interrupted = True
        return self.found(finished, interrupted=interrupted)

    def rehearse(self, label: str, stack: tuple[Strategy, ...]) -> None:
        """Run every variant of a stack once, untimed: that counts, and tells whether it can do this."""
        shares: Mapping[int | None, float] = {}
        for primitive in self.plan.primitives:
            variant = Variant(label, stack, primitive, shares)
            try:
                counted = self.count(variant)
            except UnclaimedError:
                shares = self.shares(stack)
                below = self.below(stack)
                if not any(shares.values()) or below is None:
                    self.skipped.append(Skipped(label, self.why_not(stack, shares)))
                    return
                if any(0 < share < 1 for share in shares.values()):
                    label = f"{label}+{below.name}"
                stack = (*stack, below)
                variant = Variant(label, stack, primitive, shares)
                counted = self.count(variant)
            own = not any(one.clear_calls for one in counted.values())
            variant = attrs.evolve(variant, primitive=OWN) if own else variant
            self.variants.append(variant)
            self.counters.update({(case, label, variant.primitive): one for case, one in counted.items()})
            if own:
                return

    def count(self, variant: Variant) -> dict[int | None, Counters]:
        """Return what a sample of each case counts."""
        self.apply(variant)
        counted = {}
        for case in filter(variant.does, self.bench.cases):
            self.machine.reset_counters()
            with _blaming(variant.label):
                self.bench.run(case, 0)
            counted[case] = self.machine.counters
        return counted

    def shares(self, stack: tuple[Strategy, ...]) -> Mapping[int | None, float]:
        """Return the share of each case's pages that STACK claims."""
        self.machine.set_stack(claims.witnessed(stack))
        return {
            case: claims.share(self.machine, functools.partial(self.bench.run, case, 0))
            for case in self.bench.cases
        }

    def below(self, stack: tuple[Strategy, ...]) -> Strategy | None:
        """Return the baseline, to clear what STACK passes on; None where there is none, or STACK has it."""
        baselines = (rest[0] for _, rest in self.plan.stacks if len(rest) == 1 and rest[0].baseline)
        return next((one for one in baselines if one not in stack), None)

    def why_not(self, stack: tuple[Strategy, ...], shares: Mapping[int | None, float]) -> str:
        """Return why a stack has no row: it claims something else, or no baseline clears the rest."""
        told = claims.told(stack, preflight.small(self.scene.config))
        if not told:
            return f"it claims nothing on this machine: no block of order 0 to {MAX_ORDER}, no list, no area"
        if any(shares.values()):
            return f"it claims {told}, and no baseline clears the rest of {self.plan.workload.name}"
        return f"it claims {told}, but nothing that {self.plan.workload.name} clears here"

    def apply(self, variant: Variant) -> None:
        """Install VARIANT on the machine."""
        self.machine.set_stack(variant.stack)
        if variant.primitive != OWN:
            self.machine.set_primitives(self.by_size(variant.primitive))

    def by_size(self, primitive: str) -> list[str]:
        """Return which primitive it is, by size of call."""
        return primitives.by_size(primitive, self.scene.config)

    def round(self, turn: int) -> None:
        """Take one sample of every row, in an order that the seed and the round decide."""
        taken: dict[_Key, float] = {}
        shuffle = random.Random(f"{self.plan.options.seed} {turn}").shuffle  # noqa: S311
        for case in self.bench.cases:
            doing = (variant for variant in self.variants if variant.does(case))
            entries: list[Variant | Peer | None] = [None, *doing, *self.plan.peers]
            shuffle(entries)
            for place, entry in enumerate(entries):
                taken |= self.sample(case, entry, turn * len(entries) + place)
        # Only a whole round counts: ratios are taken round by round.
        for key, ns_per_byte in taken.items():
            self.samples.setdefault(key, []).append(ns_per_byte)

    def sample(self, case: int | None, entry: Variant | Peer | None, where: int) -> dict[_Key, float]:
        """Return the nanoseconds per byte of a variant, of a peer, or (None) of the roofline."""
        if isinstance(entry, Variant):
            self.apply(entry)
            with _blaming(entry.label):
                timings = self.bench.run(case, where)
            return {
                self.note(entry, one, timing): timing.ns / timing.nbytes for one, timing in timings.items()
            }
        if entry is None:
            timing = self.bench.roofline(case, where, self.by_size("best")[-1])
            return {(case, *_ROOFLINE): timing.ns / timing.nbytes}
        timing = entry.run(self.bench, where)
        return {(case, entry.name, OWN): timing.ns / timing.nbytes}

    def note(self, variant: Variant, case: int | None, timing: Timing) -> _Key:
        """Return the row of a sample, and keep its bytes and its first dirty byte."""
        self.nbytes[case] = timing.nbytes
        if timing.dirty is not None:
            self.dirty.setdefault((variant.label, variant.primitive), timing.dirty)
        return case, variant.label, variant.primitive

    def take_latencies(self) -> None:
        """Time single allocations in a separate run, because reading the clock changes the throughput."""
        for variant in self.variants:
            self.apply(variant)
            with _blaming(variant.label):
                taken = self.bench.latencies()
            for case, latency in taken.items():
                if not variant.does(case):
                    continue
                self.latencies[case, variant.label, variant.primitive] = latency

    def found(self, finished: int, *, interrupted: bool) -> SceneRun:
        """Return what the samples say."""
        best = self.by_size("best")[-1]
        return SceneRun(
            workload=self.plan.workload.name,
            label=self.scene.label,
            how=_how(self.plan.options),
            config=str(self.scene.config),
            backing=self.machine.backing,
            huge_bytes=self.machine.huge_bytes,
            rooflines=tuple(
                Roofline(order=case, primitive=best, gbps=1 / statistics.spread(row).median)
                for (case, *name), row in self.samples.items()
                if tuple(name) == _ROOFLINE
            ),
            results=tuple(self.result(*key) for key in self.samples if key[1:] != _ROOFLINE),
            skipped=(*self.plan.left_out, *self.skipped),
            rounds=finished,
            interrupted=interrupted,
        )

    def result(self, case: int | None, label: str, primitive: str) -> Result:
        """Return the result of one row, of the rounds that nothing disturbed."""
        roofline = self.roofline(case)
        kept = ~statistics.disturbed(roofline)
        times = np.array(self.samples[case, label, primitive])[kept]
        spread = statistics.spread(times)
        dirty = self.dirty.get((label, primitive))
        baseline = self.baseline() if dirty is None else None
        counters = self.counters.get((case, label, primitive))
        variants = {(variant.label, variant.primitive): variant for variant in self.variants}
        variant = variants.get((label, primitive))
        return Result(
            strategy=label,
            primitive=primitive,
            resolved=self.resolved(primitive, counters),
            workload=self.plan.workload.name,
            scene=self.scene.label,
            order=case,
            bytes=self.nbytes[case],
            rounds=int(kept.sum()),
            rounds_thrown_out=int((~kept).sum()),
            seconds=statistics.spread(times * self.nbytes[case] / 1e9),
            gbps=1 / spread.median,
            modes_gbps=tuple(1 / mode for mode in statistics.modes(times)),
            baseline=baseline,
            ratio=baseline and self.ratio(self.samples[case, *baseline], times, kept),
            of_roofline=statistics.paired_ratio(roofline[kept], times, self.plan.options.seed).ratio,
            counters=counters,
            latency=self.latencies.get((case, label, primitive)),
            latency_by_order=self.latency_by_order(label, primitive) if case is None else {},
            interpreted=variant is not None and variant.interpreted,
            peer=variant is None,
            dirty_offset=dirty,
            claims=variant.claims.get(case) if variant and variant.claims else 1.0,
        )

    def latency_by_order(self, label: str, primitive: str) -> dict[int, Latency]:
        """Return the latencies of the orders that have no row of their own."""
        return {
            order: latency
            for (order, *name), latency in self.latencies.items()
            if order is not None and name == [label, primitive]
        }

    def ratio(
        self, base: list[float], times: Samples, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> statistics.Ratio:
        """Return how many times as fast as the baseline."""
        return statistics.paired_ratio(np.array(base)[kept], times, self.plan.options.seed)

    def roofline(self, case: int | None) -> Samples:
        """Return the roofline's samples; a run that gives several results (churn) has one for all of them."""
        found = self.samples.get((case, *_ROOFLINE)) or self.samples[None, *_ROOFLINE]
        return np.array(found)

    def baseline(self) -> tuple[str, str] | None:
        """Return the baseline with the first primitive: one for all rows, so that factors multiply."""
        return next(((one.label, one.primitive) for one in self.variants if one.baseline), None)

    def resolved(self, primitive: str, counters: Counters | None) -> str:
        """Return which primitive "best" was, for calls as large as this strategy's were on average."""
        if primitive != "best" or counters is None or not counters.clear_calls:
            return primitive
        table = self.by_size("best")
        pages_a_call = counters.cleared_pages // counters.clear_calls
        return table[min(pages_a_call.bit_length() - 1, len(table) - 1)]


def _how(options: Options) -> tuple[str, ...]:
    said: Mapping[str, bool] = {
        f"touch={options.touch}": options.touch != "none",
        "hot": options.hot,
        f"{options.threads} threads": options.threads > 1,
        f"dirty={options.dirty}%": options.dirty != _ALL,
    }
    return tuple(word for word, holds in said.items() if holds)


@contextlib.contextmanager
def _blaming(label: str) -> Iterator[None]:
    """Turn an exception of a Python strategy into a StrategyError with its name."""
    try:
        yield
    except ClearfwError:
        raise
    except Exception as error:
        msg = f"{label} raised {type(error).__name__}: {error}: fix it; its times are not valid"
        raise StrategyError(msg, label) from error
