"""A comparison as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.reports.tables.grid import grid, numbers, plain
from clearfw.results.diff import BETTER, CHANGED, SAME, WORSE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.results.diff import Comparison, DiffRow, Figure, Key

_STYLES = {WORSE: "bold red", BETTER: "green", SAME: "dim"}


def diff(comparison: Comparison) -> RenderableType:
    """Return the rows with notes: all rows if they have intervals, otherwise only those that differ."""
    differing = [row for row in comparison.rows if row.verdict != SAME]
    measured = any(row.old.ci95 for row in comparison.rows)
    shown = comparison.rows if measured else differing
    shared = _shared(comparison.rows)
    parts: list[RenderableType] = []
    if shown:
        parts += [Text(plain(_heading(comparison, shared)), "bold"), _table(shown, shared)]
    parts += [Text(f"only in the {side}: {_names(keys)}", "dim") for side, keys in _alone(comparison) if keys]
    parts += [Text(plain(f"note: {note}"), "yellow") for note in comparison.notes]
    return Group(*parts, Text(_summary(comparison), _STYLES[WORSE] if comparison.worse else ""))


def _summary(comparison: Comparison) -> str:
    verdicts = [row.verdict for row in comparison.rows]
    counts = (f"{verdicts.count(one)} {one}" for one in (WORSE, BETTER, CHANGED, SAME) if one in verdicts)
    return f"{len(verdicts)} row{'s' * (len(verdicts) != 1)} compared: {', '.join(counts)}"


def _alone(comparison: Comparison) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    return ("old", comparison.only_old), ("new", comparison.only_new)


def _names(keys: tuple[Key, ...]) -> str:
    return plain(", ".join(" ".join(value for _, value in key) for key in keys))


def _shared(rows: Sequence[DiffRow]) -> Key:
    """Return the part of the keys that is the same in all rows, if there are several."""
    first, *others = (row.key for row in rows)
    return tuple(pair for pair in first if others and all(pair in key for key in others))


def _heading(comparison: Comparison, shared: Key) -> str:
    named = ", ".join(f"{name} {value}" for name, value in shared)
    return f"{named}: {comparison.figure}" if named else comparison.figure


def _table(rows: Sequence[DiffRow], shared: Key) -> Table:
    keys = [
        {name: _breakable(value) for name, value in row.key if (name, value) not in shared} for row in rows
    ]
    names = list(dict.fromkeys(name for key in keys for name in key))
    columns = [(name, [cell(row) for row in rows]) for name, cell in _COLUMNS]
    # Columns without any text are left out: words have no interval and no change.
    columns = [(name, cells) for name, cells in columns if any(cells)]
    table = grid()
    for name in names:
        words = (word for key in keys for word in (name, *key.get(name, "").split()))
        table.add_column(plain(name), overflow="fold", min_width=max(map(len, words)))
    numbers(table, *(name for name, _ in columns))
    for i, (row, key) in enumerate(zip(rows, keys, strict=True)):
        named = (key.get(name, "") for name in names)
        table.add_row(*named, *(cells[i] for _, cells in columns), style=_STYLES.get(row.verdict))
    return table


def _breakable(name: str) -> str:
    """Return NAME with spaces, so that a stack breaks between two names in a narrow table."""
    return plain(name).replace("+", " + ")


def _value(figure: Figure) -> str:
    value = figure.value
    if isinstance(value, float):
        return _number(value)
    return f"{value:,}" if isinstance(value, int) else plain(value or "")


def _interval(figure: Figure) -> str:
    return "-".join(map(_number, figure.ci95)) if figure.ci95 else ""


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"  # noqa: PLR2004  three digits are enough


def _change(row: DiffRow) -> str:
    return "" if row.change is None else f"{row.change:+.1%}"


_COLUMNS: tuple[tuple[str, Callable[[DiffRow], str]], ...] = (
    ("old", lambda row: _value(row.old)),
    ("95 %", lambda row: _interval(row.old)),
    ("new", lambda row: _value(row.new)),
    ("95 %", lambda row: _interval(row.new)),
    ("change", _change),
    ("", lambda row: row.verdict),
)
