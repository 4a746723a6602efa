"""Blocks that a section of the report consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearfw.reports.plots import Picture


@attrs.frozen
class Cell:
    """One cell of a table: its text, the value it is sorted by, and its CSS class."""

    text: str
    value: float | str
    style: str = ""


@attrs.frozen(kw_only=True)
class Table:
    """A sortable table; the columns in `numbers` are right-aligned."""

    kind: str = attrs.field(default="table", init=False)
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[str] = frozenset()


@attrs.frozen
class Drawing:
    """A plot as an <svg> element, with a description in words and a caption."""

    kind: str = attrs.field(default="drawing", init=False)
    svg: str
    alt: str
    caption: str


@attrs.frozen
class Lead:
    """A number in large type, and its explanation."""

    kind: str = attrs.field(default="lead", init=False)
    value: str
    text: str


@attrs.frozen
class Note:
    """A note for the reader; `bad` means that something failed."""

    kind: str = attrs.field(default="note", init=False)
    text: str
    bad: bool = False


@attrs.frozen
class Heading:
    """A heading inside a section."""

    kind: str = attrs.field(default="heading", init=False)
    text: str


@attrs.frozen
class Facts:
    """Names and values, collapsed by default."""

    kind: str = attrs.field(default="facts", init=False)
    caption: str
    pairs: Mapping[str, str]


Block: TypeAlias = Table | Drawing | Lead | Note | Heading | Facts


@attrs.frozen(kw_only=True)
class Section:
    """The section of one document: an anchor, a title, the file's name, and blocks."""

    anchor: str
    title: str
    source: str
    blocks: tuple[Block, ...]


def number(value: float, text: str, style: str = "") -> Cell:
    """Return a cell that is sorted by VALUE."""
    return Cell(text, value, style)


def words(text: str, style: str = "") -> Cell:
    """Return a cell that is sorted by its text."""
    return Cell(text, text.casefold(), style)


def drawing(picture: Picture, prefix: str, caption: str) -> Drawing:
    """Return PICTURE as a block; its ids begin with PREFIX."""
    return Drawing(picture.svg(prefix), picture.alt, caption)
