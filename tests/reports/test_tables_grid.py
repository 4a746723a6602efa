"""Grids: on any terminal every number and every name is there, whole."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from clearfw.reports.tables.grid import Grid

NUMBERS = {"GB/s": "25.43", "ratio": "12.73", "95 %": "12.70-12.75", "kmaps": "131,072"}


def printed(grid: Grid, width: int) -> str:
    """Return what stands on a terminal of WIDTH columns."""
    file = io.StringIO()
    Console(file=file, width=width).print(grid)
    return file.getvalue()


@pytest.fixture
def grid() -> Grid:
    """Two rows, one of them without numbers."""
    grid = Grid()
    grid.add_column("strategy", overflow="fold")
    grid.add_column("", overflow="fold")
    grid.numbers(*NUMBERS)
    grid.add_row("highmem_fallback", Text("FAIL", "red"), *NUMBERS.values())
    grid.add_row("per_page")
    return grid


@pytest.mark.parametrize("width", range(24, 200, 8))
def test_nothing_is_cut(grid: Grid, width: int) -> None:
    """And no line is too long."""
    text = printed(grid, width)

    for whole in ("highmem_fallback", "per_page", "FAIL", *NUMBERS.values()):
        assert whole in text
    assert max(map(len, text.splitlines())) <= width


def test_it_is_a_table_where_there_is_room(grid: Grid) -> None:
    """A row is a line there, and a paragraph elsewhere."""
    wide, narrow = printed(grid, 80).splitlines(), printed(grid, 40).splitlines()

    assert wide[0].split() == ["strategy", "GB/s", "ratio", "95", "%", "kmaps"]
    assert len(wide) == 4
    assert narrow[0] == "highmem_fallback"
    assert narrow[1].split()[:3] == ["FAIL", "GB/s", "25.43"]
    assert narrow[-1] == "per_page"


def test_a_row_that_begins_with_a_number_says_of_what() -> None:
    """As tables by order do; and cells of two lines become one."""
    grid = Grid()
    grid.numbers("order", "a rather long heading", "12:00:01")
    grid.add_row("9", "1", "2.50\n2.40-2.60")

    assert printed(grid, 30).splitlines()[0] == "order 9"
    assert "12:00:01 2.50 2.40-2.60" in printed(grid, 30)
