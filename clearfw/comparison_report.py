"""A comparison as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.comparison import BETTER, CHANGED, SAME, WORSE
from clearfw.report import grid, numbers

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.comparison import Comparison, Figure, Key, Row

_STYLES = {WORSE: "bold red", BETTER: "green", SAME: "dim"}


def diff(comparison: Comparison) -> RenderableType:
    """Return the rows, with intervals where there are such, else those that differ; and how to read them."""
    differing = tuple(row for row in comparison.rows if row.verdict != SAME)
    measured = any(row.old.ci95 for row in comparison.rows)
    shown = comparison.rows if measured else differing
    parts: list[RenderableType] = []
    if shown:
        parts += [Text(_heading(comparison, shown), "bold"), _table(shown, measured=measured)]
    parts += [Text(f"only in the {side}: {_names(keys)}", "dim") for side, keys in _alone(comparison) if keys]
    parts += [Text(f"note: {note}", "yellow") for note in comparison.notes]
    return Group(*parts, Text(_summary(comparison), _STYLES[WORSE] if comparison.worse else ""))


def _summary(comparison: Comparison) -> str:
    verdicts = [row.verdict for row in comparison.rows]
    counts = (f"{verdicts.count(one)} {one}" for one in (WORSE, BETTER, CHANGED, SAME) if one in verdicts)
    return f"{len(verdicts)} row{'s' * (len(verdicts) != 1)} compared: {', '.join(counts)}"


def _alone(comparison: Comparison) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    return ("old", comparison.only_old), ("new", comparison.only_new)


def _names(keys: tuple[Key, ...]) -> str:
    return ", ".join(" ".join(value for _, value in key) for key in keys)


def _constant(rows: tuple[Row, ...]) -> Key:
    """Return the part of their keys that all rows share."""
    first, *others = (row.key for row in rows)
    return tuple(pair for pair in first if others and all(pair in key for key in others))


def _heading(comparison: Comparison, rows: tuple[Row, ...]) -> str:
    shared = ", ".join(f"{name} {value}" for name, value in _constant(rows))
    return f"{shared}: {comparison.figure}" if shared else comparison.figure


def _table(rows: tuple[Row, ...], *, measured: bool) -> Table:
    constant = dict(_constant(rows))
    names = [
        name for name in dict.fromkeys(name for row in rows for name, _ in row.key) if name not in constant
    ]
    table = grid()
    for name in names:
        longest = max(len(word) for row in rows for word in (name, *_words(dict(row.key).get(name, ""))))
        table.add_column(name, overflow="fold", min_width=longest)
    interval = ["95 %"] * measured
    numbers(table, "old", *interval, "new", *interval, "change", "")
    for row in rows:
        key = dict(row.key)
        cells = *(" ".join(_words(key.get(name, ""))) for name in names), *_cells(row, measured=measured)
        table.add_row(*cells, row.verdict, style=_STYLES.get(row.verdict))
    return table


def _words(name: str) -> list[str]:
    """Return the parts of NAME between which a stack of strategies may break."""
    return name.replace("+", " + ").split()


def _cells(row: Row, *, measured: bool) -> list[str]:
    change = "" if row.change is None else f"{row.change:+.1%}"
    if not measured:
        return [_value(row.old.value), _value(row.new.value), change]
    old, new = ((_value(one.value), _interval(one)) for one in (row.old, row.new))
    return [*old, *new, change]


def _interval(figure: Figure) -> str:
    return "-".join(map(_number, figure.ci95)) if figure.ci95 else ""


def _value(value: float | str | None) -> str:
    if isinstance(value, float):
        return _number(value)
    return f"{value:,}" if isinstance(value, int) else value or ""


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"  # noqa: PLR2004  three digits tell enough
