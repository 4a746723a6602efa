"""Code sizes as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from clearfw.size import bloat
from clearfw.size.model_unit import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from clearfw.size.code_size import Size

_LEGEND = (
    "function: bytes of the clear as a function; site: growth of one caller, compared with one that clears "
    "nothing; unit: growth of the whole unit, with the clear inline, out of line, or as the compiler chose. "
    "A size holds only for its compiler and flags."
)


def heading(size: Size) -> str:
    """Return the compiler and flags of the sizes on an architecture."""
    left_out = f"; {size.left_out} left out, because no kernel there has it" if size.left_out else ""
    flags = textwrap.fill(
        " ".join(size.flags), 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return f"{size.arch}: {size.compiler}{left_out}\n{flags}"


def details(size: Size) -> str:
    """Return the changes for each way, as scripts/bloat-o-meter prints them."""
    return "\n".join(
        f"\n{size.stack} on {size.arch}, {way.way}, old: {size.against}\n{bloat.text(way.bloat)}"
        for way in size.ways
    )


def summary(sizes: Sequence[Size]) -> RenderableType:
    """Return a table with a row for each stack and architecture."""
    from rich.console import Group
    from rich.text import Text

    from clearfw.reports.tables.grid import Grid

    grid = Grid()
    for name in ("strategy", "arch"):
        grid.add_column(name, no_wrap=True)
    called, inline = "site,\ncalled", "site,\ninline"
    grid.numbers("function", called, inline, "unit,\ninline", "unit, out\nof line", "unit,\nchosen")
    for size in sizes:
        grid.add_row(size.stack, size.arch, *_cells(size))
    return Group(Text(""), grid, Text(f"{_sites(sizes)}. {_LEGEND}", "dim"))


def _sites(sizes: Sequence[Size]) -> str:
    kinds = {(size.sites, size.against) for size in sizes}
    return "; ".join(
        f"{sites} call site{'' if sites == 1 else 's'} against {against}" for sites, against in sorted(kinds)
    )


def _cells(size: Size) -> list[str]:
    inline, outlined, chosen = (size.way(name) for name in WAYS)
    return [
        str(outlined.function_bytes),
        f"{outlined.site_bytes:.0f}",
        # A compiler does not have to inline a function declared `inline`.
        "refused" if inline.function_bytes else f"{inline.site_bytes:.0f}",
        *(f"{way.bloat.net:+}" for way in (inline, outlined, chosen)),
    ]
