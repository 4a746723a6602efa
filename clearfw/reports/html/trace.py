"""Section of the report for traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.reports import plots
from clearfw.reports.html import blocks
from clearfw.reports.html.blocks import Note, Table, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clearfw.reports.html.blocks import Block
    from clearfw.results.info import SavedInfo


def info(found: SavedInfo, anchor: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw info` found."""
    return f"Trace: {found.trace}", _blocks(found, anchor)


def _blocks(found: SavedInfo, anchor: str) -> Iterator[Block]:
    pages = sum(one.cleared_pages for one in found.orders)
    yield Note(
        f"{found.events:,} events; {pages:,} pages cleared by the recording kernel, {found.cleared_by}."
    )
    if found.truncated or not found.exact:
        how = "the file is cut off" if found.truncated else "events were lost, or may have been"
        yield Note(f"The trace is not exact: {how}.", bad=True)
    if found.orders:
        drawn = plots.cleared(found.orders)
        yield blocks.drawing(drawn, anchor, "Pages that were cleared, by the order of their blocks.")
        yield _orders(found)


def _orders(found: SavedInfo) -> Table:
    columns = ("order", "allocations", "frees", "cleared", "pages cleared")
    rows = ((one.order, one.allocs, one.frees, one.cleared, one.cleared_pages) for one in found.orders)
    return Table(
        caption="Blocks by their order",
        columns=columns,
        numbers=frozenset(columns),
        rows=tuple(tuple(number(count, f"{count:,}") for count in row) for row in rows),
    )
