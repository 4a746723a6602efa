"""What the tests of traces share: synthetic ones, written as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearfw import traces
from clearfw.gfp import Gfp
from clearfw.traces import Events, Kind, Origin, Trace, TraceWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Row = tuple[Kind, int, int, str]


def alloc(pfn: int, order: int = 0, gfp: str = "GFP_KERNEL") -> Row:
    """Return an allocation."""
    return Kind.ALLOC, pfn, order, gfp


def failed(order: int = 0) -> Row:
    """Return an allocation that gave nothing."""
    return Kind.ALLOC, traces.NO_PFN, order, "GFP_KERNEL"


def free(pfn: int, order: int = 0) -> Row:
    """Return a free."""
    return Kind.FREE, pfn, order, "none"


def batched(pfn: int) -> Row:
    """Return the second event of a free in a batch."""
    return Kind.FREE_BATCHED, pfn, 0, "none"


def events(rows: Sequence[Row], *, start: int = 0, step: int = 1, cpu: int = 0) -> Events:
    """Return rows as columns, STEP nanoseconds from one to the next."""
    count = len(rows)
    kinds, pfns, orders, gfps = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Events(
        ts=np.arange(start, start + step * count, step, np.uint64)[:count],
        pfn=np.array(pfns, np.uint64),
        gfp=np.array([int(Gfp.parse(gfp)) for gfp in gfps], np.uint32),
        pid=np.full(count, 1, np.int32),
        cpu=np.full(count, cpu, np.uint16),
        migratetype=np.full(count, -1, np.int8),
        order=np.array(orders, np.uint8),
        kind=np.array(kinds, np.uint8),
    )


def write(path: Path, *batches: Events, ending: traces.Ending | None = None, **origin: Any) -> Trace:  # noqa: ANN401
    """Write batches to PATH, and read them again."""
    with TraceWriter(path, Origin(**{"source": "test", **origin})) as writer:
        for batch in batches:
            writer.write(batch)
        writer.end(ending or traces.Ending(lost=0))
    return traces.read(path)
