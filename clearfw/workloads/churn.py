"""Churn: a generated mix of allocations and frees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw import _core
from clearfw.config import format_size
from clearfw.errors import ConfigError
from clearfw.workloads.protocol import GIB, Bench, Latency, Options, Scene, Timing, _config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from clearfw.machine import Machine

# Share of allocations by order: an assumption, stated here and in the docs. Small orders by far the most,
# and most of the pages in the large ones, as where slabs and THP meet.
CHURN_MIX = {
    0: 0.62,
    1: 0.11,
    2: 0.09,
    3: 0.10,
    4: 0.025,
    5: 0.015,
    6: 0.01,
    7: 0.005,
    8: 0.005,
    9: 0.018,
    10: 0.002,
}

_CHURN_OPS = 10_000

_CHURN_FREE = 0x80  # csrc/bench/arena.h: CHURN_FREE

_CHURN_SLOT_SHIFT = 8

_CHURN_NPAGES = 8 << _core.MAX_ORDER  # a quarter of it holds two of the largest blocks


def churn_ops(npages: int, nops: int, seed: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint32]], int]:
    """Return a seeded mix of allocations and frees, and its number of slots.

    It never holds more than NPAGES, and ends with everything freed.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    orders = random.choice(list(CHURN_MIX), size=nops, p=list(CHURN_MIX.values())).tolist()
    picks = random.random(nops).tolist()
    ops: list[int] = []
    live: list[tuple[int, int]] = []
    unused: list[int] = []
    held = slots = 0
    for order, pick in zip(orders, picks, strict=True):
        while live and held + (1 << order) > npages:
            held -= _churn_free(ops, live, unused, int(pick * len(live)))
        if not unused:
            unused.append(slots)
            slots += 1
        slot = unused.pop()
        ops.append(slot << _CHURN_SLOT_SHIFT | order)
        live.append((slot, order))
        held += 1 << order
    while live:
        _churn_free(ops, live, unused, len(live) - 1)
    return np.array(ops, np.uint32), slots


def _churn_free(ops: list[int], live: list[tuple[int, int]], unused: list[int], index: int) -> int:
    live[index], live[-1] = live[-1], live[index]
    slot, order = live.pop()
    ops.append(slot << _CHURN_SLOT_SHIFT | _CHURN_FREE | order)
    unused.append(slot)
    return 1 << order


class ChurnBench:
    """The same seeded operations again and again."""

    def __init__(self, machine: Machine, options: Options) -> None:
        import numpy as np

        self.cases = (None,)
        self._machine = machine
        if machine.nr_pages < _CHURN_NPAGES:
            want = format_size(_CHURN_NPAGES * machine.config.page_size)
            msg = f"{machine.config} has too little memory for large blocks: give memory={want} or more"
            raise ConfigError(msg)
        # A quarter of the memory live, so that the buddy always finds a block.
        self._ops, self._slots = churn_ops(machine.nr_pages // 4, _CHURN_OPS, options.seed)
        allocations = self._ops[self._ops & _CHURN_FREE == 0] & (_CHURN_FREE - 1)
        self._nbytes = int((machine.config.page_size << allocations.astype(np.int64)).sum())
        self._order_nbytes = {
            int(order): int(count) * (machine.config.page_size << int(order))
            for order, count in zip(*np.unique(allocations, return_counts=True), strict=True)
        }

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:  # noqa: ARG002
        """Run the mix twice: with a clock reading around each operation, and for its total time."""
        dirty = self._first_dirty()
        _, by_order = _core.time_churn(self._machine, self._ops, self._slots, "GFP_HIGHUSER", by_order=True)
        # What a sample counts is one run of the mix.
        self._machine.reset_counters()
        total_ns, _ = _core.time_churn(self._machine, self._ops, self._slots, "GFP_HIGHUSER")
        timings: dict[int | None, Timing] = {None: Timing(total_ns, self._nbytes, dirty)}
        for order, (ns, _) in by_order.items():
            timings[order] = Timing(ns, self._order_nbytes[order], dirty)
        return timings

    def _first_dirty(self) -> int | None:
        """Return the first dirty byte of a block that held garbage; the mix itself checks no block."""
        for order in CHURN_MIX:
            with self._machine.alloc_pages(order, "GFP_HIGHUSER") as pages:
                pages.fill(_core.GARBAGE_BYTE)
            with self._machine.alloc_pages(order, "GFP_HIGHUSER") as pages:
                dirty = pages.first_not(0)
            if dirty is not None:
                return dirty
        return None

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:  # noqa: ARG002
        """Zero a quarter of the memory in one call."""
        with _core.Arena(self._machine, self._machine.config.memory // 4) as arena:
            return Timing(
                arena.roofline(turn % arena.nchunks, primitive, arena.chunk_bytes), arena.chunk_bytes
            )

    def latencies(self) -> Mapping[int | None, Latency]:
        """Return none."""
        return {}

    def close(self) -> None:
        """Hold nothing, and so give nothing back."""


class Churn:
    """A mix of orders with the frees in between, once clearing on allocation and once on free."""

    name = "churn"
    summary = "a mix of orders, frees interleaved, under init_on_alloc and under init_on_free"
    point = "alloc"
    supports = frozenset({"kasan"})

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Two machines of 512 MiB."""
        return [
            Scene("init_on_alloc", _config(attrs.evolve(options, init_on_free=False), GIB // 2)),
            Scene("init_on_free", _config(attrs.evolve(options, init_on_free=True), GIB // 2)),
        ]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:  # noqa: ARG002
        """Return the mix, generated from the seed."""
        return ChurnBench(machine, options)
