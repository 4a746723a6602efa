"""Dispatch: what asking the stack costs, when no strategy does any work."""

from __future__ import annotations

import functools
import statistics
from pathlib import Path
from typing import Any

from .common import boot, clock, skipping

STRATEGIES = Path(__file__).parent / "strategies"
CALLS = 1_000_000
PLUGGY_CALLS = 10_000


@functools.cache
def _native(passing: int) -> Any:  # noqa: ANN401
    """Return a machine whose stack is PASSING strategies that pass on, and one that claims."""
    from clearfw import NativeStrategy

    passes_on = STRATEGIES / "passes_on.c"
    stack = [NativeStrategy(f"passes_on_{i}", passes_on, "") for i in range(passing)]
    return boot("memory=4M", [*stack, NativeStrategy("claims", STRATEGIES / "claims.c", "")])


@functools.cache
def _pluggy() -> Any:  # noqa: ANN401
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
        clock.add(self.machine.time_dispatch(CALLS), CALLS)


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
        slopes = [self.long.time_dispatch(CALLS) - self.short.time_dispatch(CALLS) for _ in range(15)]
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
        clock.add(self.machine.time_dispatch(PLUGGY_CALLS), PLUGGY_CALLS)
