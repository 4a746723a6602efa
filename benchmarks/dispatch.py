"""Dispatch: what asking the stack costs, when no strategy does any work."""

from __future__ import annotations

import functools
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .common import boot, clock, skipping, timed

if TYPE_CHECKING:
    from clearfw import Machine

STRATEGIES = Path(__file__).parent / "strategies"
CALLS = 1_000_000
PLUGGY_CALLS = 10_000


@functools.cache
def _native(passing: int) -> Machine:
    """Return a machine with a stack of PASSING strategies that pass, and one that claims."""
    from clearfw import NativeStrategy

    with tempfile.TemporaryDirectory() as directory:
        copies = [_copy(Path(directory), i) for i in range(passing)]
        stack = [NativeStrategy(copy.stem, copy, "") for copy in copies]
        machine = boot("memory=4M", [*stack, NativeStrategy("claims", STRATEGIES / "claims.c", "")])
    timed(machine, "dispatch", CALLS)
    return machine


def _copy(directory: Path, index: int) -> Path:
    # Another source, another shared object: one function called ten times in a row is not what a stack
    # is, and leaves the processor no way to predict where the chain ends.
    copy = directory / f"passes_on_{index}.c"
    copy.write_text(f"/* {index} */\n{(STRATEGIES / 'passes_on.c').read_text()}")
    return copy


@functools.cache
def _pluggy() -> Machine:
    from clearfw import hookimpl

    class Claims:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: object) -> bool:  # noqa: ARG002
            return True

    return boot("memory=4M", [Claims()])


class Native:
    """A chain of C functions: PASSING that pass on, then one that claims."""

    version = "1"
    timer = clock
    params = ((0, 1, 2, 5, 10),)
    param_names = ("passing",)

    def setup(self, passing: int) -> None:
        """Boot once a process."""
        with skipping():
            self.machine = _native(passing)

    def time_ask(self, passing: int) -> None:  # noqa: ARG002
        """Report the time of one question to the stack: the bar is 2 ns for a chain of one."""
        clock.add(timed(self.machine, "dispatch", CALLS), CALLS)


class Further:
    """What every further strategy in a chain costs."""

    version = "1"
    unit = "ns"

    def setup(self) -> None:
        """Boot two machines, with chains of 1 and 11."""
        with skipping():
            self.short, self.long = _native(0), _native(10)

    def track_ns(self) -> float:
        """Return the slope from 1 to 11 strategies: the bar is 2 ns."""
        slopes = [
            timed(self.long, "dispatch", CALLS) - timed(self.short, "dispatch", CALLS) for _ in range(15)
        ]
        return statistics.median(slopes) / 10 / CALLS


class Pluggy:
    """One strategy in Python: the init point goes through pluggy."""

    version = "1"
    timer = clock

    def setup(self) -> None:
        """Boot once a process."""
        with skipping():
            self.machine = _pluggy()

    def time_ask(self) -> None:
        """Report the time of one question to the stack."""
        clock.add(timed(self.machine, "dispatch", PLUGGY_CALLS), PLUGGY_CALLS)
