"""Attempts as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from clearfw.watch.attempt import Attempt, Speed


def summary(attempt: Attempt) -> RenderableType:
    """Return the summary line of ATTEMPT, and its findings."""
    from rich.console import Group
    from rich.text import Text

    passed = f"{attempt.passed} check{'s' * (attempt.passed != 1)} passed" if attempt.passed else ""
    found = f"{len(attempt.findings)} finding{'s' * (len(attempt.findings) != 1)}" if attempt.findings else ""
    line = f"{attempt.when}  {', '.join(filter(None, (passed, found)))}"
    findings = (Text(one, "red") for one in attempt.findings)
    return Group(Text(line, "bold red" if attempt.findings else "bold green"), *findings)


def table(attempts: Sequence[Attempt]) -> RenderableType:
    """Return the ratios of ATTEMPTS side by side, the latest on the right, and the latest speed."""
    from clearfw.reports.tables.grid import Grid

    grid = Grid()
    grid.add_column("strategy", overflow="fold")
    grid.add_column("primitive", overflow="fold")
    grid.numbers("GB/s", *(attempt.when for attempt in attempts))
    by_key = [{row.key: row for row in attempt.rows} for attempt in attempts]
    for row in sorted(attempts[-1].rows, key=lambda row: row.ratio or 0):
        ratios = (_ratio(rows.get(row.key)) for rows in by_key)
        grid.add_row(*row.key, "dirty" if row.dirty else f"{row.gbps:.2f}", *ratios)
    return grid


def _ratio(row: Speed | None) -> str:
    if row is None or row.ratio is None:
        return ""
    itself = row.low == row.high
    return f"{row.ratio:.2f}" if itself else f"{row.ratio:.2f}\n{row.low:.2f}-{row.high:.2f}"
