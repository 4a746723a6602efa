"""Figures of a trace, and their JSON form, schema clearfw.info/1."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from clearfw._core import MAX_ORDER
from clearfw.gfp import Gfp
from clearfw.traces.census import Census, follow
from clearfw.traces.file import NO_PFN, Ending, Kind, Origin

if TYPE_CHECKING:
    from clearfw.traces.file import Events, Trace

_ORDERS = MAX_ORDER + 1
_EVERY_ORDER = 256  # what the column can hold


@attrs.frozen(kw_only=True)
class OrderCount:
    """Blocks of one order, allocated (failures left out), freed, and cleared by the recording kernel."""

    order: int
    allocs: int
    frees: int
    cleared: int

    @property
    def cleared_pages(self) -> int:
        """Pages of the cleared blocks."""
        return self.cleared << self.order


@attrs.frozen(kw_only=True)
class TraceInfo:
    """Figures of one trace.

    Attributes:
        trace: its path.
        exact: whether it is known that no event is missing.
        events: in all; by Kind in kinds, by processor in cpus.
        first_ns, last_ns: least and greatest time stamp; None without events.
        orders: those that occur, up to MAX_PAGE_ORDER.
        cleared_by: what made the recording kernel clear: a parameter of its command line, or __GFP_ZERO.
        zero_allocs: allocations with __GFP_ZERO.
        gfp: how many allocations asked with each combination of flags, the most frequent first.
        course: live pages over time, as census.Followed has them.

    """

    trace: str
    origin: Origin
    ending: Ending | None
    truncated: bool
    exact: bool
    events: int
    kinds: dict[str, int]
    cpus: dict[int, int]
    first_ns: int | None
    last_ns: int | None
    orders: tuple[OrderCount, ...]
    cleared_by: str
    zero_allocs: int
    gfp: dict[int, int]
    census: Census
    course: list[tuple[int, int]]

    @property
    def seconds(self) -> float | None:
        """From the first event to the last."""
        if self.first_ns is None or self.last_ns is None:
            return None
        return (self.last_ns - self.first_ns) / 1e9

    @property
    def events_per_second(self) -> float | None:
        """None where all happened at one moment."""
        return self.events / self.seconds if self.seconds else None


def examine(trace: Trace) -> TraceInfo:
    """Return the figures of TRACE."""
    followed = follow(trace)
    tally = _Tally(trace.origin)
    for batch in trace.batches:
        tally.add(batch)
    return TraceInfo(
        trace=str(trace.path),
        origin=trace.origin,
        ending=trace.ending,
        truncated=trace.truncated,
        exact=trace.exact,
        events=trace.nevents,
        kinds={kind.name.lower(): int(tally.kinds[kind].sum()) for kind in Kind},
        cpus=dict(sorted(tally.cpus.items())),
        first_ns=min(tally.times, default=None),
        last_ns=max(tally.times, default=None),
        orders=tally.orders(),
        cleared_by=_cleared_by(trace.origin),
        zero_allocs=sum(count for flags, count in tally.gfp.items() if flags & Gfp.ZERO),
        gfp=dict(tally.gfp.most_common()),
        census=followed.census,
        course=followed.course,
    )


def _cleared_by(origin: Origin) -> str:
    if origin.init_on_free:
        return "init_on_free=1"
    return "init_on_alloc=1" if origin.init_on_alloc else "__GFP_ZERO"


class _Tally:
    """Counts that do not ask for the order of events."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.kinds = np.zeros((len(Kind), _EVERY_ORDER), np.int64)
        self.failed = np.zeros(_EVERY_ORDER, np.int64)
        self.cleared = np.zeros(_EVERY_ORDER, np.int64)
        self.cpus: Counter[int] = Counter()
        self.gfp: Counter[int] = Counter()
        self.times: list[int] = []

    def add(self, events: Events) -> None:
        both = events.kind.astype(np.uint16) << 8 | events.order
        self.kinds += np.bincount(both, minlength=self.kinds.size).reshape(self.kinds.shape)
        allocs = events.kind == Kind.ALLOC
        failed = allocs & (events.pfn == NO_PFN)
        self.failed += _by_order(events, failed)
        self.cleared += _by_order(events, self._is_cleared(events, allocs & ~failed))
        self.gfp.update(_occurrences(events.gfp[allocs]))
        self.cpus.update(_occurrences(events.cpu))
        self.times += int(events.ts.min()), int(events.ts.max())

    def _is_cleared(self, events: Events, allocated: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """post_alloc_hook() and __free_pages_prepare() (mm/page_alloc.c, 7.3): which events clear pages."""
        if self.origin.init_on_free:
            return np.asarray(events.kind == Kind.FREE)
        # A kernel defines __GFP_SKIP_ZERO only with hw_tags, and then respects it.
        zeroable = allocated & (events.gfp & np.uint32(Gfp.SKIP_ZERO) == 0)
        if self.origin.init_on_alloc:
            return np.asarray(zeroable)
        return np.asarray(zeroable & (events.gfp & np.uint32(Gfp.ZERO) != 0))

    def orders(self) -> tuple[OrderCount, ...]:
        allocs, frees = self.kinds[Kind.ALLOC], self.kinds[Kind.FREE]
        return tuple(
            OrderCount(
                order=order,
                allocs=int(allocs[order] - self.failed[order]),
                frees=int(frees[order]),
                cleared=int(self.cleared[order]),
            )
            for order in range(_ORDERS)
            if allocs[order] or frees[order]
        )


def _by_order(events: Events, which: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.bincount(events.order[which], minlength=_EVERY_ORDER)


def _occurrences(column: np.ndarray[Any, Any]) -> dict[int, int]:
    values, counts = np.unique(column, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
