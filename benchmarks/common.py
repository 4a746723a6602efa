"""What the benchmarks share: a clock that only C moves, ratios taken in rounds, machines that can be skipped.

clearfw is imported in a benchmark's setup and not before, so that the suite loads on any commit.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from clearfw import Machine
    from clearfw._core import CoreMachine

    # From one turn to the nanoseconds it took.
    Run = Callable[[int], float]

MIB = 1 << 20
ROUNDS = 15

# What a commit or a host may lack, besides whole modules, functions and parameters.
_LACKING = (
    "BackingError",
    "MemoryLimitError",
    "MissingExtraError",
    "MissingToolError",
    "NoCompilerError",
    "OutOfMemoryError",
    "UnknownPrimitiveError",
    "UnknownStrategyError",
    "UnsupportedError",
)


class Clock:
    """Seconds that were reported to it: as a benchmark's `timer`, nothing else counts."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, ns: float, count: int = 1) -> None:
        """Move on by one of COUNT equal parts of NS nanoseconds."""
        self.seconds += ns * 1e-9 / count

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self.seconds


clock = Clock()


@contextlib.contextmanager
def skipping() -> Iterator[None]:
    """Skip the benchmark of this setup if the commit or the host lacks something that it needs."""
    try:
        from clearfw import errors
    except ImportError as error:
        raise NotImplementedError(str(error)) from error
    lacking = [getattr(errors, name) for name in _LACKING if hasattr(errors, name)]
    try:
        yield
    except (ImportError, AttributeError, TypeError, *lacking) as error:
        raise NotImplementedError(str(error)) from error


def module(*names: str) -> Any:  # noqa: ANN401  whatever it is on that commit
    """Return the first module of clearfw that this commit has; NAMES are its places, the newest first.

    Raises ImportError where it has none of them.
    """
    for name in names:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(f"clearfw.{name}")
    msg = f"this commit has no {' or '.join(names)}"
    raise ImportError(msg)


def bare_machine(config: object) -> CoreMachine:
    """Return a machine of CONFIG with no strategy."""
    from clearfw import _core

    try:
        return _core.CoreMachine(config)
    except TypeError:  # until 0.1
        machine = _core.CoreMachine()
        machine._boot(config)  # noqa: SLF001
        return machine


def timed(machine: CoreMachine, loop: str, *arguments: Any) -> Any:  # noqa: ANN401  nanoseconds, and more
    """Return what a loop in C took: "dispatch" or "pairs"; until 0.1 they were methods of the machine."""
    from clearfw import _core

    function = getattr(_core, f"time_{loop}", None)
    return function(machine, *arguments) if function else getattr(machine, f"time_{loop}")(*arguments)


def boot(cmdline: str, stack: str | Iterable[object]) -> Machine:
    """Return a machine with all of its memory faulted in; call it within skipping()."""
    from clearfw import Machine

    machine = Machine.boot(cmdline, stack=stack)
    machine.populate()
    return machine


def ratio(this: Run, baseline: Run, rounds: int = ROUNDS) -> float:
    """Return the median of time(this) / time(baseline), taken round by round, in random order within a round.

    A round is thrown out when its baseline took a quarter longer than the median of them.
    """
    order = random.Random(0)  # noqa: S311
    taken = [{run: run(turn) for run in order.sample((this, baseline), 2)} for turn in range(rounds)]
    limit = 1.25 * statistics.median(times[baseline] for times in taken)
    return statistics.median(times[this] / times[baseline] for times in taken if times[baseline] <= limit)
