"""Figures of a trace as they are saved, schema clearfw.info/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge

from clearfw import gfp

if TYPE_CHECKING:
    from clearfw.traces.info import TraceInfo


SCHEMA = "clearfw.info/1"


def to_json(info: TraceInfo) -> dict[str, Any]:
    """Return the document that `clearfw info --json` writes."""
    plain = attrs.filters.exclude("gfp", "cpus", "orders", "course")
    return {
        "schema": SCHEMA,
        **attrs.asdict(info, filter=plain),
        "seconds": info.seconds,
        "events_per_second": info.events_per_second,
        "orders": [attrs.asdict(one) | {"cleared_pages": one.cleared_pages} for one in info.orders],
        "cpus": [{"cpu": cpu, "events": count} for cpu, count in info.cpus.items()],
        "gfp": [{"flags": gfp.show(flags), "allocs": count} for flags, count in info.gfp.items()],
    }


@attrs.frozen
class SavedOrder:
    """Counts of one order in a trace."""

    order: int
    allocs: int
    frees: int
    cleared: int
    cleared_pages: int = attrs.field(validator=ge(0))


@attrs.frozen
class SavedInfo:
    """Saved results of `clearfw info`."""

    trace: str
    events: int
    exact: bool
    truncated: bool
    cleared_by: str
    orders: tuple[SavedOrder, ...]
    origin: dict[str, Any]
    census: dict[str, Any]
