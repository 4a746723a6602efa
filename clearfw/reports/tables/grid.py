"""Tables that fold to several lines a row if the terminal is too narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.columns import Columns
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_WIDE = 1000
_BETWEEN = 2  # characters between two columns of the table


class Grid(Table):
    """An empty table in clearfw's style."""

    def __init__(self) -> None:
        super().__init__(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))

    def numbers(self, *names: str) -> None:
        """Add columns of numbers, which are never cut."""
        for name in names:
            self.add_column(name, justify="right", no_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._needed(console, options.update_width(_WIDE)) <= options.max_width:
            yield from super().__rich_console__(console, options)
        else:
            yield from self._folded()

    def _needed(self, console: Console, options: ConsoleOptions) -> int:
        """Return the terminal width at which no number and no word is cut."""
        needed = _BETWEEN * (len(self.columns) - 1)
        for column in self.columns:
            texts = (column.header, *column.cells)
            measured = (Measurement.get(console, options, text) for text in texts)
            needed += max(one.maximum if column.no_wrap else one.minimum for one in measured)
        return needed

    def _folded(self) -> Iterator[RenderableType]:
        for row, *cells in zip(self.rows, *(column.cells for column in self.columns), strict=True):
            first, *others = map(_text, cells)
            style = row.style or ""
            # "order 9", but "per_page".
            named = f"{self.columns[0].header} " if self.columns[0].justify == "right" else ""
            yield Text.assemble(named, first, style="bold", overflow="fold")
            yield Padding(Columns(self._named(others), padding=(0, 2, 0, 0)), (0, 0, 0, 2), style=style)

    def _named(self, cells: Iterable[Text]) -> Iterator[Text]:
        for column, cell in zip(self.columns[1:], cells, strict=True):
            if cell:
                yield Text.assemble(f"{column.header} ".lstrip(), cell, overflow="fold")


def _text(cell: RenderableType) -> Text:
    """Return CELL as one line of text."""
    text = cell if isinstance(cell, Text) else Text(str(cell))
    return Text(" ").join(text.split("\n"))


def plain(text: str) -> str:
    """Return TEXT without control characters, which a file could use to disturb the terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def grid() -> Table:
    """Return an empty table."""
    return Grid()


def numbers(table: Table, *names: str) -> None:
    """Add columns of numbers."""
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)


def ns_text(ns: float) -> str:
    """Return nanoseconds with three digits, in the largest unit that gives 1 or more."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def share(part: int, whole: int) -> str:
    """Return PART of WHOLE in percent; a small part is "<0.1%" and not "0.0%"."""
    if not part:
        return ""
    return "<0.1%" if part / whole < 0.0005 else f"{part / whole:.1%}"  # noqa: PLR2004  would round to 0.0
