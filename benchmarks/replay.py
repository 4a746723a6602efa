"""Replay: events a second with no clearing, and traces made ready for it."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from .common import bare_machine, clock, module, skipping

if TYPE_CHECKING:
    from clearfw._core import CoreMachine

# As many pages live as in 3.5 GiB: the replay's own memory fits into no cache, as that of a real trace.
PAGES = 900_000
EVENTS = 1_000_000


@functools.cache
def _events(mix: str) -> Any:  # noqa: ANN401  what clearfw.traces.Events is on that commit
    """Return the churn workload's mix as a trace, of all orders or of order 0 alone."""
    import numpy as np

    from clearfw.traces import Events

    ops, _ = module("workloads.churn", "workloads").churn_ops(PAGES, EVENTS, seed=1)
    count = len(ops)
    orders = (ops & 0x7F).astype(np.uint8) if mix == "all orders" else np.zeros(count, np.uint8)
    return Events(
        ts=np.arange(count, dtype=np.uint64),
        pfn=(ops >> 8).astype(np.uint64) << 10,
        gfp=np.full(count, 0xCC0, np.uint32),
        pid=np.zeros(count, np.int32),
        cpu=np.zeros(count, np.uint16),
        migratetype=np.zeros(count, np.int8),
        order=orders,
        kind=(ops >> 7 & 1).astype(np.uint8),
    )


@functools.cache
def _machine() -> CoreMachine:
    from clearfw.config import Config

    # No byte of it is ever touched, so the host gives it no memory.
    return bare_machine(Config(memory=4 << 30, init_on_alloc=False, backing="base"))


class Replay:
    """The time of one event; the bar is 40 M events a second, so 25 ns."""

    version = "1"
    timer = clock
    params = (("all orders", "order 0"),)
    param_names = ("mix",)

    def setup(self, mix: str) -> None:
        """Make the trace once a process."""
        with skipping():
            from clearfw import _core

            self.machine = _machine()
            self.events = _events(mix)
            self.script = _core.ReplayScript([self.events], [0])

    def time_event(self, mix: str) -> None:  # noqa: ARG002
        """Allocations and frees through the machine, with no clearing."""
        clock.add(self.script.run(self.machine, clear=False)["ns"], len(self.events))

    def time_prepare(self, mix: str) -> None:  # noqa: ARG002
        """The pass that makes a trace ready."""
        from clearfw import _core

        start = time.perf_counter_ns()
        _core.ReplayScript([self.events], [0])
        clock.add(time.perf_counter_ns() - start, len(self.events))

    def track_bytes(self, mix: str) -> float:  # noqa: ARG002
        """Bytes of memory an event; the bar is 32."""
        return self.script.nbytes / len(self.events)
