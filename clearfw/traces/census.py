"""The census of a trace: what its events amount to when every live block is followed, in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw import _core

if TYPE_CHECKING:
    from clearfw.traces.file import Trace


@attrs.frozen(kw_only=True)
class Census:
    """Counts of a trace's events by class: csrc/trace/replay_script.h, REPLAY_CENSUS.

    Attributes:
        events: of any kind.
        allocs, failed: allocations that gave a block, and that gave none.
        frees: mm_page_free, matched or not.
        batched: mm_page_free_batched, each a duplicate of a mm_page_free.
        unmatched: frees of what was not allocated in the trace, and so not cleared in the replay.
        untraced: of these, freed before in the trace: allocated again with no event, in bulk as a rule.
        mismatched: frees with another order than the allocation: split_page(), folio splits.
        reallocated: allocations of pages still live, whose free is taken to be lost.
        oversized, misaligned: events left out: blocks that no buddy with MAX_PAGE_ORDER 10 gives.
        backwards: events earlier than the one before them.
        peak_pages, live_pages: live at the same time at most, and at the end.
        alloc_blocks, zero_blocks, free_blocks: by order, allocated, of these with __GFP_ZERO, freed.
        fault_blocks: of those allocated, anonymous huge pages: without init_on_alloc cleared at their fault.

    """

    events: int
    allocs: int
    frees: int
    batched: int
    failed: int
    unmatched: int
    untraced: int
    mismatched: int
    reallocated: int
    oversized: int
    misaligned: int
    backwards: int
    peak_pages: int
    live_pages: int
    alloc_blocks: tuple[int, ...]
    zero_blocks: tuple[int, ...]
    fault_blocks: tuple[int, ...]
    free_blocks: tuple[int, ...]


@attrs.frozen
class Followed:
    """A trace, followed once from its first event to its last.

    Attributes:
        script: what is left to do in a replay, 8 bytes an operation.

    """

    trace: Trace
    script: _core.ReplayScript
    census: Census

    @property
    def course(self) -> list[tuple[int, int]]:
        """Live pages over time: (time stamp, most of them since the one before), a thousand at most."""
        return self.script.course


def follow(trace: Trace) -> Followed:
    """Return TRACE followed. Raises MemoryLimitError."""
    by_cpu = trace.origin.lanes == "cpu"
    lanes = [int(batch.cpu[0]) if by_cpu else 0 for batch in trace.batches]
    script = _core.ReplayScript(list(trace.batches), lanes)
    return Followed(trace, script, Census(**script.census))
