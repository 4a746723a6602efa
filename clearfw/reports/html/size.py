"""Section of the report for code sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.reports.html.blocks import Facts, Note, Table, number, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clearfw.reports.html.blocks import Block, Cell
    from clearfw.results.size import SavedSize, SavedSizes


def sizes(found: SavedSizes, _: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw size` found."""
    return "Code size", _blocks(found)


def _blocks(found: SavedSizes) -> Iterator[Block]:
    for failed in found.failed:
        yield Note(f"{failed.strategy} does not compile for {failed.arch}: {failed.stderr}", bad=True)
    for missing in found.missing:
        yield Note(f"No compiler for {missing.arch} here: install the package {missing.package}.")
    if found.results:
        yield _summary(found.results)
        yield _functions(found.results)
        yield Facts(
            "Compiled with", {f"{one.strategy} on {one.arch}": _compiled(one) for one in found.results}
        )


def _compiled(one: SavedSize) -> str:
    said = f"{one.sites} call sites against {one.against}, {one.config}"
    return f"{said}: {one.compiler}, {one.flags}"


def _named(size: SavedSize, way: str) -> tuple[Cell, ...]:
    return words(size.strategy), words(size.arch), words(way)


def _summary(results: Iterable[SavedSize]) -> Table:
    numbers = ("function", "per call site", "before", "after", "net")
    rows = (
        (
            *_named(size, way.way),
            number(way.function_bytes, str(way.function_bytes)),
            number(way.site_bytes, f"{way.site_bytes:g}"),
            number(way.before, f"{way.before:,}"),
            number(way.after, f"{way.after:,}"),
            number(way.net, f"{way.net:+,}"),
        )
        for size in results
        for way in size.ways
    )
    return Table(
        caption="Bytes of the clear as a function (0: inlined into its callers), of a call site, of the unit",
        columns=("strategy", "arch", "clear", *numbers),
        numbers=frozenset(numbers),
        rows=tuple(rows),
    )


def _functions(results: Iterable[SavedSize]) -> Table:
    numbers = ("old", "new", "delta")
    rows = (
        (
            *_named(size, way.way),
            words(one.name, "code"),
            number(one.old, str(one.old)),
            number(one.new, str(one.new)),
            number(one.new - one.old, f"{one.new - one.old:+}"),
        )
        for size in results
        for way in size.ways
        for one in sorted(way.symbols, key=lambda one: one.old - one.new)
    )
    return Table(
        caption="Functions that grew or shrank, as bloat-o-meter shows them",
        columns=("strategy", "arch", "clear", "function", *numbers),
        numbers=frozenset(numbers),
        rows=tuple(rows),
    )
