"""Contents of a trace as text. All functions are pure functions of the figures."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw import gfp
from clearfw.config import format_size
from clearfw.gfp import Gfp
from clearfw.reports.tables.grid import grid, numbers, plain, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.traces.info import TraceInfo

_GFP_ROWS = 8
_WHY_CLEARED = {
    "init_on_alloc=1": "cleared: every allocation, because the recording kernel had init_on_alloc=1",
    "init_on_free=1": "cleared: every free, because the recording kernel had init_on_free=1; no allocation",
    "__GFP_ZERO": "cleared: allocations with __GFP_ZERO",
}


def info(figures: TraceInfo) -> RenderableType:
    """Return the tables of one trace, with notes for the reader."""
    parts: list[RenderableType] = [Text(plain(_heading(figures)), style="bold")]
    parts += [Text(plain(line)) for line in (*_about(figures), *_speed(figures))]
    if figures.orders:
        parts += ["", _orders(figures)]
    if figures.gfp:
        parts += ["", _flags(figures)]
    parts += [Text(line) for line in ("", *_followed(figures))]
    parts += [Text(note, style="dim") for note in _notes(figures)]
    parts += [Text(plain(warning), style="bold red") for warning in warnings(figures)]
    return Group(*parts)


def warnings(figures: TraceInfo) -> Iterator[str]:
    """Yield a line for each reason why the trace may be incomplete."""
    ending = figures.ending
    if figures.truncated:
        yield "the file ends within a batch, or is damaged there: the rest is lost"
    if ending is None:
        yield "the trace has no end: the recording was cut off, or is still running"
        return
    if ending.lost:
        yield f"{ending.lost:,} events were lost during the recording: record with larger buffers"
    if ending.lost is None:
        yield "it is not known whether events were lost"
    if ending.interrupted:
        yield "the recording was interrupted before its command ended"
    if ending.bad_lines:
        yield f"{ending.bad_lines:,} lines of the imported text could not be read"
    if ending.unknown_gfp:
        yield f"unknown gfp flags, left out: {', '.join(ending.unknown_gfp)}"


def _heading(figures: TraceInfo) -> str:
    origin = figures.origin
    what = f" of {shlex.join(origin.command)}" if origin.command else ""
    return f"{figures.trace}: {origin.source}{what}{f', {origin.started}' if origin.started else ''}"


def _about(figures: TraceInfo) -> Iterator[str]:
    origin, ending = figures.origin, figures.ending
    kernel = " ".join(filter(None, (origin.kernel, origin.machine))) or "not known"
    yield f"kernel {kernel}{f', {origin.cpu_model}' if origin.cpu_model else ''}"
    settings = [_setting(name, getattr(origin, name)) for name in ("init_on_alloc", "init_on_free")]
    clock = f", clock {origin.clock}" if origin.clock else ""
    yield f"pages of {format_size(origin.page_size)}, {', '.join(settings)}{clock}"
    if ending and ending.system_s is not None:
        times = {"user": ending.user_s, "system": ending.system_s, "elapsed": ending.elapsed_s}
        told = ", ".join(f"{name} {value:.2f} s" for name, value in times.items() if value is not None)
        yield f"{told}{f' ({ending.usage})' if ending.usage else ''}{_status(ending.exit_status)}"


def _setting(name: str, value: bool | None) -> str:  # noqa: FBT001  the value that is shown
    return f"{name} not known" if value is None else f"{name}={value:d}"


def _status(status: int | None) -> str:
    return f", exit status {status}" if status else ""


def _speed(figures: TraceInfo) -> Iterator[str]:
    kinds = ", ".join(f"{name} {count:,}" for name, count in figures.kinds.items())
    none_lost = ", none lost" if figures.ending and figures.ending.lost == 0 else ""
    yield f"{figures.events:,} events: {kinds}{none_lost}"
    if figures.seconds:
        yield f"in {figures.seconds:.3f} s, {figures.events_per_second:,.0f} a second"
    if len(figures.cpus) > 1:
        shares = (f"{cpu} {count / figures.events:.0%}" for cpu, count in figures.cpus.items())
        yield f"by processor: {', '.join(shares)}"


def _orders(figures: TraceInfo) -> Table:
    table = grid()
    numbers(table, "order", "allocs", "pages", "frees", "pages", "pages cleared", "share")
    cleared = sum(one.cleared_pages for one in figures.orders)
    for one in figures.orders:
        counts = one.allocs, one.allocs << one.order, one.frees, one.frees << one.order, one.cleared_pages
        part = share(one.cleared_pages, cleared)
        table.add_row(str(one.order), *(f"{count:,}" for count in counts), part)
    table.add_section()
    totals = (
        sum(one.allocs for one in figures.orders),
        sum(one.allocs << one.order for one in figures.orders),
        sum(one.frees for one in figures.orders),
        sum(one.frees << one.order for one in figures.orders),
        cleared,
    )
    table.add_row("all", *(f"{total:,}" for total in totals), "")
    return table


def _flags(figures: TraceInfo) -> Table:
    table = grid()
    numbers(table, "allocs", "share")
    table.add_column("gfp", overflow="fold")
    allocs = figures.kinds["alloc"]
    rows = list(figures.gfp.items())
    for flags, count in rows[:_GFP_ROWS]:
        table.add_row(f"{count:,}", share(count, allocs), gfp.show(flags).replace("|", " | "))
    others = sum(count for _, count in rows[_GFP_ROWS:])
    if others:
        table.add_row(f"{others:,}", share(others, allocs), f"{len(rows) - _GFP_ROWS} more")
    table.add_section()
    table.add_row(
        f"{figures.zero_allocs:,}", share(figures.zero_allocs, allocs), f"with {gfp.show(Gfp.ZERO)}"
    )
    return table


def _followed(figures: TraceInfo) -> Iterator[str]:
    found, size = figures.census, figures.origin.page_size
    peak, end = _pages(found.peak_pages, size), _pages(found.live_pages, size)
    yield f"live pages: {peak} at most, {end} at the end"
    yield f"failed allocations {found.failed:,}, unmatched frees {found.unmatched:,}"
    if found.mismatched:
        yield f"frees of a part of a live block, or of more than one: {found.mismatched:,}"
    if found.reallocated:
        yield f"allocations of live pages, whose free was missed: {found.reallocated:,}"
    for name in ("oversized", "misaligned"):
        if count := getattr(found, name):
            yield f"{name} events, left out of all counts of pages: {count:,}"


def _pages(count: int, page_size: int) -> str:
    return f"{count:,} ({count * page_size / (1 << 20):,.1f} MiB)"


def _notes(figures: TraceInfo) -> Iterator[str]:
    yield _WHY_CLEARED[figures.cleared_by]
    if figures.cleared_by == "__GFP_ZERO" and figures.origin.init_on_alloc is None:
        yield "(with init_on_alloc=1 all allocations would have been cleared; the setting is not known)"
    faulted = sum(count << order for order, count in enumerate(figures.census.fault_blocks))
    if faulted and not figures.origin.init_on_alloc:
        size = figures.origin.page_size
        yield f"anonymous huge pages, cleared at the page fault without an event: {_pages(faulted, size)}"
    if figures.census.unmatched:
        yield "unmatched frees: allocated earlier, or without a tracepoint (alloc_pages_bulk and others)"
