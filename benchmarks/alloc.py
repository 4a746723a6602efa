"""Allocation: pairs of alloc and free with no clearing, in C and from Python."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from .common import boot, clock, skipping, timed

if TYPE_CHECKING:
    from clearfw import Machine

PAIRS = 200_000
PYTHON_PAIRS = 20_000
BULK = 1000


@functools.cache
def _machine() -> Machine:
    machine = boot("memory=256M", "")
    timed(machine, "pairs", PAIRS)
    return machine


class Pair:
    """One block allocated, and freed at once."""

    version = "1"
    timer = clock
    params = ((0, 3, 9),)
    param_names = ("order",)

    def setup(self, order: int) -> None:  # noqa: ARG002
        """Boot once a process."""
        with skipping():
            self.machine = _machine()

    def time_c(self, order: int) -> None:
        """The bars are 10 ns for order 0 and 35 ns for order 9."""
        clock.add(timed(self.machine, "pairs", PAIRS, order), PAIRS)

    def time_python(self, order: int) -> None:
        """The bar is 100 ns; the loop is counted with the rest."""
        alloc, free = self.machine.alloc_pages, self.machine.free_pages
        start = time.perf_counter_ns()
        for _ in range(PYTHON_PAIRS):
            free(alloc(order))
        clock.add(time.perf_counter_ns() - start, PYTHON_PAIRS)


class Bulk:
    """A list of order-0 pages from Python: the time of one page."""

    version = "1"
    timer = clock

    def setup(self) -> None:
        """Boot once a process."""
        with skipping():
            self.machine = _machine()

    def time_python(self) -> None:
        """The bar is 35 ns a page."""
        start = time.perf_counter_ns()
        for _ in range(20):
            self.machine.free_pages_bulk(self.machine.alloc_pages_bulk(BULK))
        clock.add(time.perf_counter_ns() - start, 20 * BULK)
