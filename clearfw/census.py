"""The census of a trace: what its events amount to when every live block is followed, in order of time.

Plain Python, a dictionary of live blocks and one event after the other: slow, and easy to be sure of.
"""

from __future__ import annotations

import heapq
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from clearfw.traces import NO_PFN, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from clearfw.traces import Events, Trace

MAX_PAGE_ORDER = 10
# Steps in which the course of live pages is told.
_STEPS = 1000
_REPORT = 1 << 16  # events between calls of progress

Event: TypeAlias = "tuple[int, int, int, int]"  # ts, kind, pfn, order


@attrs.frozen(kw_only=True)
class Census:
    """What was found.

    Attributes:
        allocs: allocations that succeeded.
        frees: frees, unmatched and mismatched ones included.
        batched: mm_page_free_batched events, each of which repeats a free.
        failed: allocations that found no memory.
        unmatched: frees of pages none of which was live: allocated before, or past the tracepoint.
        mismatched: frees of a part of a live block, or of more than one.
        reallocated: allocations of live pages, whose free was not seen.
        oversized: events above MAX_PAGE_ORDER, which count nowhere else.
        misaligned: events whose pfn is no multiple of their block: likewise.
        live_pages, peak_pages: pages allocated and not freed, at the end and at most.
        course: (ts, most live pages since the step before), in up to 1000 steps.

    """

    allocs: int
    frees: int
    batched: int
    failed: int
    unmatched: int
    mismatched: int
    reallocated: int
    oversized: int
    misaligned: int
    live_pages: int
    peak_pages: int
    course: tuple[tuple[int, int], ...]


def census(trace: Trace, progress: Callable[[int], None] = lambda _: None) -> Census:
    """Return the census of TRACE; PROGRESS is told how many events were seen."""
    walk = _Walk()
    last = trace.nevents
    step = -(-last // _STEPS) or 1
    for number, event in enumerate(_in_time(trace), 1):
        walk.see(*event)
        if number % step == 0 or number == last:
            walk.mark(event[0])
        if number % _REPORT == 0:
            progress(number)
    return walk.census()


def _in_time(trace: Trace) -> Iterator[Event]:
    """Yield all events in order of time; at one moment, by the processor's number."""
    if trace.origin.lanes == "time":
        return _events(trace.batches)
    lanes: dict[int, list[Events]] = {}
    for batch in trace.batches:
        lanes.setdefault(int(batch.cpu[0]), []).append(batch)
    return heapq.merge(*(_events(lanes[cpu]) for cpu in sorted(lanes)), key=operator.itemgetter(0))


def _events(batches: Iterable[Events]) -> Iterator[Event]:
    for batch in batches:
        columns = batch.ts, batch.kind, batch.pfn, batch.order
        yield from zip(*(column.tolist() for column in columns), strict=True)


class _Walk:
    """The live blocks at one moment, and what was counted on the way there."""

    def __init__(self) -> None:
        self.live: dict[int, int] = {}  # the order of each block, by its first pfn
        self.pages = self.peak = self.step_peak = 0
        self.course: list[tuple[int, int]] = []
        self.count = dict.fromkeys((field.name for field in attrs.fields(Census)), 0)

    def census(self) -> Census:
        followed: dict[str, Any] = {
            "live_pages": self.pages,
            "peak_pages": self.peak,
            "course": tuple(self.course),
        }
        return Census(**(self.count | followed))

    def mark(self, ts: int) -> None:
        self.course.append((ts, self.step_peak))
        self.step_peak = self.pages

    def see(self, _ts: int, kind: int, pfn: int, order: int) -> None:
        if kind == Kind.FREE_BATCHED:
            self.count["batched"] += 1
        elif order > MAX_PAGE_ORDER:
            self.count["oversized"] += 1
        elif kind == Kind.ALLOC and pfn == NO_PFN:
            self.count["failed"] += 1
        elif pfn % (1 << order):
            self.count["misaligned"] += 1
        elif kind == Kind.ALLOC:
            self.alloc(pfn, order)
        else:
            self.free(pfn, order)

    def alloc(self, pfn: int, order: int) -> None:
        self.count["allocs"] += 1
        overlapping = self.overlapping(pfn, order)
        self.count["reallocated"] += bool(overlapping)
        for block in overlapping:
            self.take(block)
        self.put(pfn, order)
        self.peak = max(self.peak, self.pages)
        self.step_peak = max(self.step_peak, self.pages)

    def free(self, pfn: int, order: int) -> None:
        self.count["frees"] += 1
        if self.live.get(pfn) == order:
            self.take(pfn)
            return
        overlapping = self.overlapping(pfn, order)
        self.count["mismatched" if overlapping else "unmatched"] += 1
        for block in overlapping:
            self.split(block, self.take(block), pfn, order)

    def overlapping(self, pfn: int, order: int) -> list[int]:
        """Return the live blocks with pages of this one: the one around it, or those within."""
        for larger in range(order, MAX_PAGE_ORDER + 1):
            head = pfn & -(1 << larger)
            if self.live.get(head, -1) == larger:
                return [head]
        if order == 0:
            return []
        return [head for head in range(pfn, pfn + (1 << order)) if head in self.live]

    def split(self, head: int, size: int, pfn: int, order: int) -> None:
        """Leave live what remains of a block of order SIZE once a part is freed, halved as the buddy does."""
        while size > order:
            size -= 1
            upper = head + (1 << size)
            self.put(head if pfn >= upper else upper, size)
            head = upper if pfn >= upper else head

    def put(self, pfn: int, order: int) -> None:
        self.live[pfn] = order
        self.pages += 1 << order

    def take(self, pfn: int) -> int:
        order = self.live.pop(pfn)
        self.pages -= 1 << order
        return order
