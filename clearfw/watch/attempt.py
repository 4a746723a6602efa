"""Attempts: versions of a strategy that is being written, each checked and timed in a child process."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import attrs

from clearfw import isolation
from clearfw.bench import measurement
from clearfw.bench import run as bench_run
from clearfw.checks import answers, conformance
from clearfw.errors import ClearfwError
from clearfw.strategies import from_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from clearfw.bench.plan import Plan
    from clearfw.bench.run import SceneRun
    from clearfw.isolation import Tell

# Each takes a quarter of a second or more; all others together do not take one.
LATER = frozenset({"zero_beyond_4_gib", "two_threads", "visible_on_return"})
_PATIENCE_S = 5.0
# The preflight and the checks find a strategy that hangs much earlier.
_DEADLINE_S = 600.0


@attrs.frozen
class Speed:
    """The speed of one row: `ratio` over the baseline, with its 95 % interval; None without or if dirty."""

    scene: str
    order: int | None
    strategy: str
    primitive: str
    gbps: float
    ratio: float | None
    low: float
    high: float
    dirty: bool

    @property
    def key(self) -> tuple[str, ...]:
        """Strategy and primitive, which are the same in each attempt."""
        order = "" if self.order is None else f"order {self.order}"
        return " ".join(filter(None, (self.scene, order, self.strategy))), self.primitive


@attrs.frozen
class Attempt:
    """Result of one version of the file.

    Attributes:
        when: the time of day at which it was tried.
        passed: how many checks passed.
        findings: what is wrong with it, or odd about it.
        rows: how fast it is; none where it does not compile, or crashes.

    """

    when: str
    passed: int
    findings: tuple[str, ...]
    rows: tuple[Speed, ...]


def start(make: Callable[[], Plan], files: Sequence[Path]) -> Callable[[], Attempt]:
    """Begin to check the strategies in FILES, and to time the plan MAKE makes of them; return what waits."""
    when = time.strftime("%H:%M:%S")

    def work(tell: Tell) -> None:
        logging.getLogger("clearfw").addHandler(_Telling(tell))
        try:
            _work(make, files, tell)
        except ClearfwError as error:
            tell({"finding": str(error).rstrip()})

    child = isolation.start(work, _DEADLINE_S)
    return lambda: _attempt(when, child.wait())


class _Telling(logging.Handler):
    """Tells the compiler's warnings: the child's standard error goes nowhere."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell({"finding": record.getMessage()})


def _work(make: Callable[[], Plan], files: Sequence[Path], tell: Tell) -> None:
    """Compile, try, check and time the strategy; this runs in the child process."""
    plan = make()
    names = [name for name in conformance.checks() if name not in LATER]
    for path in files:
        for answer in conformance.run(from_file(path), names, patience_s=_PATIENCE_S):
            if not answer.passed:
                tell({"finding": answers.explanation(answer, str(path))})
            elif answer.status == answers.PASS:
                tell({"passed": 1})
    for run in measurement.measure(plan, lambda *_: None):
        for row in _rows(run):
            tell({"row": attrs.asdict(row)})
        left_out = [f"{one.strategy} left out: {one.reason}" for one in run.skipped if not one.broken]
        for finding in (*bench_run.problems([run]), *left_out):
            tell({"finding": finding})


def _rows(run: SceneRun) -> Iterator[Speed]:
    for result in run.results:
        ratio = result.ratio
        low, high = ratio.ci95 if ratio else (0.0, 0.0)
        yield Speed(
            scene=run.label,
            order=result.order if len({one.order for one in run.results}) > 1 else None,
            strategy=result.strategy,
            primitive=result.primitive,
            gbps=result.gbps,
            ratio=ratio.ratio if ratio else None,
            low=low,
            high=high,
            dirty=result.dirty_offset is not None,
        )


def _attempt(when: str, outcome: isolation.Outcome) -> Attempt:
    def all_told(key: str) -> list[Any]:
        return [message[key] for message in outcome.told if key in message]

    ended = [f"it {outcome.end}"] if outcome.end else []
    rows = tuple(Speed(**row) for row in all_told("row"))
    return Attempt(when, sum(all_told("passed")), (*all_told("finding"), *ended), rows)
