"""Results as plain text for a mail: the sections of the page, in 78 columns."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from clearfw.reports.html.blocks import Heading, Lead, Note, Table
from clearfw.reports.html.sections import section
from clearfw.reports.tables.grid import grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clearfw.reports.html.blocks import Block, Cell
    from clearfw.results.document import Document

WIDTH = 78


def text(documents: Sequence[Document], title: str) -> str:
    """Return the text of DOCUMENTS, in their order: no line is longer than WIDTH columns."""
    parts = [_filled(title)]
    for place, document in enumerate(documents, 1):
        shown = section(document, f"run{place}")
        parts.append(f"{_filled(shown.title)}\n{'=' * min(WIDTH, len(shown.title))}")
        parts += _blocks(shown.blocks)
    return "\n\n".join(parts) + "\n"


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield what can be said in words: pictures are for the page, and so are facts that are folded away."""
    for block in blocks:
        if isinstance(block, Heading):
            yield _filled(block.text)
        elif isinstance(block, Lead):
            yield _filled(f"{block.value} {block.text}")
        elif isinstance(block, Note):
            yield _filled(block.text)
        elif isinstance(block, Table) and block.rows:
            is_prose = any(cell.style in {"long", "code"} for row in block.rows for cell in row)
            yield f"{_filled(block.caption)}\n{(_paragraphs if is_prose else _table)(block)}"


def _filled(words: str) -> str:
    return textwrap.fill(plain(words), WIDTH, break_long_words=True, break_on_hyphens=False)


def _paragraphs(block: Table) -> str:
    """Return each row as a paragraph of its own: sentences do not fit beside each other."""
    rows = ("\n".join(_said(block.columns, row)) for row in block.rows)
    return "\n\n".join(rows)


def _said(columns: Sequence[str], row: Sequence[Cell]) -> Iterator[str]:
    for name, cell in zip(columns, row, strict=True):
        yield textwrap.fill(
            plain(f"{name}: {cell.text}"), WIDTH, subsequent_indent="  ", break_on_hyphens=False
        )


def _table(block: Table) -> str:
    from rich.console import Console

    # A column of nothing but zeros (kmaps without HIGHMEM) would fold the table.
    columns = zip(block.columns, zip(*block.rows, strict=True), strict=True)
    shown = [(name, cells) for name, cells in columns if {cell.text for cell in cells} - {"", "0"}]
    table = grid()
    for name, _ in shown:
        is_number = name in block.numbers
        table.add_column(
            plain(name), justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    for row in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*(plain(cell.text) for cell in row))
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
