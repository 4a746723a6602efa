"""The kernels timed against each other, and against the model: rounds of boots, interleaved."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import numpy as np

from clearfw.bench import statistics
from clearfw.errors import KernelBootError
from clearfw.kernel_tree.boot import Job, boot
from clearfw.kernel_tree.variants import AFTER, BEFORE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from clearfw.bench.statistics import Ratio, Spread
    from clearfw.kernel_tree.boot import Booted
    from clearfw.kernel_tree.model import Model
    from clearfw.kernel_tree.store import Build

    Progress: TypeAlias = Callable[[int, int, str], None]

PAGE_NBYTES = 4096
MAX_ORDER = 10
# Boots that clear nothing tell what the allocation itself costs: so little that a few of them do.
_ALONE_ROUNDS = 3
# How far the model may be off, by order: at 0 to 2 a clear takes a few hundred ns.
_SMALL_ORDER = 2
_TOLERANCE, _SMALL_TOLERANCE = 0.10, 0.15
# Kernel arguments, and a round's samples: nanoseconds a block by label and order.
ALLOC = ("init_on_alloc=1", "init_on_free=0")
NEITHER = ("init_on_alloc=0", "init_on_free=0")


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be measured.

    Attributes:
        builds: by label, BEFORE and with patches AFTER.
        arguments: of the kernels, as --boot has them, after ALLOC.
        orders: of the blocks.
        working_set: bytes of memory that a sample fills.
        hot: allocate and free the same block again and again.

    """

    builds: Mapping[str, Build]
    arguments: tuple[str, ...]
    orders: Sequence[int]
    working_set: int
    rounds: int
    hot: bool
    seed: int
    timeout_s: float

    @property
    def on_free(self) -> bool:
        """Whether blocks are cleared as they are freed: init_on_free takes that from the allocation."""
        return "init_on_free=1" in self.arguments

    @property
    def asked(self) -> dict[str, object]:
        """What was asked for, in words of JSON."""
        asked = attrs.asdict(self, filter=attrs.filters.exclude("builds", "arguments"))
        return {**asked, "boot": " ".join(self.arguments), "orders": list(self.orders)}

    @property
    def boots(self) -> int:
        """How many boots that are."""
        return len(self.builds) * (self.rounds + min(self.rounds, _ALONE_ROUNDS))


@attrs.frozen
class Shape:
    """A kernel, or the model of one, at one order: nanoseconds a block, and 1e9 bytes a second."""

    ns: Spread
    gbps: float


@attrs.frozen(kw_only=True)
class Row:
    """One order.

    Attributes:
        shapes: by label.
        alone_ns: what a block takes without a clear, by label.
        ratio: time before over time after, round by round; None without patches.
        noise: the same of "before" against itself, a round against the next.
        model, model_ratio: what the model says of the same.

    """

    order: int
    shapes: Mapping[str, Shape]
    alone_ns: Mapping[str, float]
    ratio: Ratio | None
    noise: Ratio | None
    model: Mapping[str, Shape]
    model_ratio: Ratio | None

    @property
    def tolerance(self) -> float:
        """How far the model's ratio may be from the kernel's."""
        return _SMALL_TOLERANCE if self.order <= _SMALL_ORDER else _TOLERANCE

    @property
    def off(self) -> float | None:
        """How far it is, as a share of the kernel's; None without both."""
        if self.ratio is None or self.model_ratio is None:
            return None
        return self.model_ratio.ratio / self.ratio.ratio - 1


@attrs.frozen(kw_only=True)
class Run:
    """What was measured; `huge_nbytes` of `memory_nbytes` lay on the host's huge pages."""

    rows: tuple[Row, ...]
    rounds: int
    memory_nbytes: int
    huge_nbytes: int
    dirty: Mapping[str, int]
    interrupted: bool


@attrs.define
class Session:
    """Rounds being measured; each boots every kernel once, in an order that the seed decides."""

    plan: Plan
    model: Model | None
    progress: Progress
    samples: dict[tuple[str, int], list[float]] = attrs.field(factory=dict)
    alone: dict[tuple[str, int], list[float]] = attrs.field(factory=dict)
    modelled: dict[tuple[str, int], list[float]] = attrs.field(factory=dict)
    memory: dict[str, int] = attrs.field(factory=lambda: {"bytes": 0, "huge_bytes": 0})
    dirty: dict[str, int] = attrs.field(factory=dict)
    boots: int = 0

    def run(self) -> Run:
        """Measure it all, or until interrupted: then what whole rounds there are, or KeyboardInterrupt."""
        finished, interrupted = 0, False
        try:
            for turn in range(self.plan.rounds):
                self.round(turn)
                finished += 1
        except KeyboardInterrupt:
            if not finished:
                raise
            interrupted = True
        return Run(
            rows=tuple(self.row(order) for order in sorted(self.plan.orders)),
            rounds=finished,
            memory_nbytes=self.memory["bytes"],
            huge_nbytes=self.memory["huge_bytes"],
            dirty=self.dirty
            | {f"model of {label}": n for label, n in (self.model.dirty if self.model else {}).items()},
            interrupted=interrupted,
        )

    def round(self, turn: int) -> None:
        """Take one sample of everything; only a whole round counts, for ratios are taken round by round."""
        dice = random.Random(f"{self.plan.seed} {turn}")  # noqa: S311
        orders = list(self.plan.orders)
        dice.shuffle(orders)
        labels = list(self.plan.builds)
        dice.shuffle(labels)
        taken: dict[tuple[str, int], float] = {}
        alone: dict[tuple[str, int], float] = {}
        for label in labels:
            taken |= self.boot(label, (*ALLOC, *self.plan.arguments), orders, clears=True)
            if self.wants_alone(turn):
                alone |= self.boot(label, (*self.plan.arguments, *NEITHER), orders, clears=False)
        modelled = self.model.round(orders, turn) if self.model else {}
        for kept, new in ((self.samples, taken), (self.alone, alone), (self.modelled, modelled)):
            for key, ns in new.items():
                kept.setdefault(key, []).append(ns)

    def wants_alone(self, turn: int) -> bool:
        """Return whether this round also boots without a clear: the first, and others spread over the run."""
        step = max(1, self.plan.rounds // min(self.plan.rounds, _ALONE_ROUNDS))
        return turn % step == 0 and turn // step < _ALONE_ROUNDS

    def boot(
        self, label: str, arguments: Sequence[str], orders: Sequence[int], *, clears: bool
    ) -> dict[tuple[str, int], float]:
        """Boot a kernel and return its nanoseconds a block."""
        self.progress(self.boots, self.plan.boots, label)
        job = Job("bench", orders, self.plan.working_set, hot=self.plan.hot)
        booted = boot(self.plan.builds[label], label, job, arguments, self.plan.timeout_s)
        self.boots += 1
        self.note_memory(booted)
        found = {}
        for line in booted.of("sample"):
            order, blocks = line.facts["order"], line.facts["blocks"]
            self.check_filled(label, booted, order, blocks)
            if clears and line.facts["dirty"]:
                self.dirty[label] = self.dirty.get(label, 0) + line.facts["dirty"]
            on_free = self.plan.on_free and not self.plan.hot
            found[label, order] = line.facts["free_ns" if on_free else "alloc_ns"] / blocks
        return found

    def note_memory(self, booted: Booted) -> None:
        """Remember the least of the huge pages that a boot had."""
        for line in booted.of("memory"):
            if not self.boots or self.boots == 1 or line.facts["huge_bytes"] < self.memory["huge_bytes"]:
                self.memory = line.facts

    def check_filled(self, label: str, booted: Booted, order: int, blocks: int) -> None:
        """Raise KernelBootError unless the guest had memory for all blocks."""
        wanted = self.plan.working_set // (PAGE_NBYTES << order)
        if blocks < wanted:
            msg = f'the kernel "{label}" gave {blocks} blocks of order {order}, asked for were {wanted}'
            raise KernelBootError(msg, label, booted.lines[-5:])

    def row(self, order: int) -> Row:
        """Return what was found of one order."""
        return Row(
            order=order,
            shapes=self.shapes(self.samples, order),
            alone_ns={
                label: float(np.median(found))
                for label in self.plan.builds
                if (found := self.alone.get((label, order)))
            },
            ratio=self.ratio(self.samples, order),
            noise=self.noise(order),
            model=self.shapes(self.modelled, order),
            model_ratio=self.ratio(self.modelled, order),
        )

    def shapes(self, samples: Mapping[tuple[str, int], list[float]], order: int) -> dict[str, Shape]:
        """Return the shapes of one order, by label."""
        found = {}
        for label in (BEFORE, AFTER):
            if taken := samples.get((label, order)):
                spread = statistics.spread(taken)
                found[label] = Shape(spread, (PAGE_NBYTES << order) / spread.median)
        return found

    def ratio(self, samples: Mapping[tuple[str, int], list[float]], order: int) -> Ratio | None:
        """Return before over after."""
        before, after = (samples.get((label, order)) for label in (BEFORE, AFTER))
        if not before or not after:
            return None
        return statistics.paired_ratio(np.array(before), np.array(after), self.plan.seed)

    def noise(self, order: int) -> Ratio | None:
        """Return "before" over itself, each round over the next: the noise floor."""
        taken = np.array(self.samples[BEFORE, order])
        return statistics.paired_ratio(taken[:-1], taken[1:], self.plan.seed) if len(taken) > 1 else None
