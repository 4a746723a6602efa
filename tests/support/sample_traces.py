"""What the tests of traces share: events that are made up, and files of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from clearfw.gfp import Gfp
from clearfw.traces.file import COLUMNS, NO_PFN, Ending, Events, Kind, Origin, TraceWriter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

Row: TypeAlias = "tuple[int, int, int] | tuple[int, int, int, int]"  # kind, pfn, order and gfp

ALLOC, FREE, BATCHED = Kind
ORIGIN = Origin(source="record", kernel="7.3.0", init_on_alloc=True, command=("sleep", "1"), clock="global")
ENDING = Ending(lost=0, user_s=0.5, system_s=1.5, elapsed_s=2, usage="rusage", exit_status=0)


def alloc(pfn: int, order: int = 0, gfp: str = "GFP_KERNEL") -> Row:
    """Return an allocation."""
    return ALLOC, pfn, order, int(Gfp.parse(gfp))


def failed(order: int = 0) -> Row:
    """Return an allocation that gave nothing."""
    return alloc(NO_PFN, order)


def free(pfn: int, order: int = 0) -> Row:
    """Return a free."""
    return FREE, pfn, order


def batched(pfn: int) -> Row:
    """Return the second event of a free in a batch."""
    return BATCHED, pfn, 0


def events(*rows: Row, first_ts: int = 0, step: int = 10, cpu: int = 0) -> Events:
    """Return events, STEP nanoseconds apart."""
    made = Events(**{name: np.zeros(len(rows), dtype) for name, dtype in COLUMNS.items()})
    for i, (kind, pfn, order, *gfp) in enumerate(rows):
        made.kind[i], made.pfn[i], made.order[i] = kind, pfn, order
        made.gfp[i] = gfp[0] if gfp else 0
    made.ts[:] = first_ts + step * np.arange(len(rows))
    made.cpu[:] = cpu
    return made


def some_events(count: int = 100, seed: int = 0) -> Events:
    """Return events of all kinds, their columns within the range of a kernel's."""
    random = np.random.default_rng(seed)
    least = {"migratetype": -1}
    past = {"ts": 1 << 40, "pfn": 1 << 30, "gfp": 1 << 28, "pid": 1 << 22, "cpu": 4, "migratetype": 6}
    past |= {"order": 11, "kind": len(Kind)}
    columns = {
        name: random.integers(least.get(name, 0), past[name], count).astype(dtype)
        for name, dtype in COLUMNS.items()
    }
    return Events(**columns)


def same(one: Events, other: Events) -> bool:
    """Return whether all columns are equal."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def write(
    path: Path,
    *batches: Events,
    origin: Origin = ORIGIN,
    ending: Ending | None = ENDING,
    compression: str = "",
) -> Path:
    """Write a trace; without an ending, one that was cut off."""
    with TraceWriter(path, origin, compression=compression or None) as writer:
        for batch in batches:
            writer.write(batch)
        if ending is not None:
            writer.end(ending)
    return path


def without(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Make MODULE one that is not installed."""
    import sys

    monkeypatch.setitem(sys.modules, module, None)
