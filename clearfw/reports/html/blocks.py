"""What a section of the page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearfw.reports.plots import Picture


@attrs.frozen
class Cell:
    """One cell of a table: its text, what it is sorted by, and a class of its style."""

    text: str
    value: float | str
    style: str = ""


@attrs.frozen(kw_only=True)
class Table:
    """A table that can be sorted; `numbers` are the columns that stand on the right."""

    kind: str = attrs.field(default="table", init=False)
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[str] = frozenset()


@attrs.frozen
class Drawing:
    """A picture as an <svg> element, what it shows in words, and what to read in it."""

    kind: str = attrs.field(default="drawing", init=False)
    svg: str
    alt: str
    caption: str


@attrs.frozen
class Lead:
    """A number worth being large, and what it is."""

    kind: str = attrs.field(default="lead", init=False)
    value: str
    text: str


@attrs.frozen
class Note:
    """A sentence that must be known to read the rest; `bad`: something was found wanting."""

    kind: str = attrs.field(default="note", init=False)
    text: str
    bad: bool = False


@attrs.frozen
class Heading:
    """The name of what follows, inside a section."""

    kind: str = attrs.field(default="heading", init=False)
    text: str


@attrs.frozen
class Facts:
    """Names and values, folded away."""

    kind: str = attrs.field(default="facts", init=False)
    caption: str
    pairs: Mapping[str, str]


Block: TypeAlias = Table | Drawing | Lead | Note | Heading | Facts


@attrs.frozen(kw_only=True)
class Section:
    """What is shown of one document: an anchor, a title, the file's name, and blocks."""

    anchor: str
    title: str
    source: str
    blocks: tuple[Block, ...]


def number(value: float, text: str, style: str = "") -> Cell:
    """Return a cell that is sorted by VALUE."""
    return Cell(text, value, style)


def words(text: str, style: str = "") -> Cell:
    """Return a cell that is sorted by what stands in it."""
    return Cell(text, text.casefold(), style)


def drawing(picture: Picture, prefix: str, caption: str) -> Drawing:
    """Return PICTURE as a block; the ids in it begin with PREFIX."""
    return Drawing(picture.svg(prefix), picture.alt, caption)
