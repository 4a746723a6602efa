"""Saves: whatever an editor does to a file is noticed, once it is done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from clearfw.watch import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write(path: Path) -> None:
    """As `echo > file` does."""
    path.write_text("newer")


def replace(path: Path) -> None:
    """As most editors do: another file takes the name."""
    other = path.with_suffix(".new")
    other.write_text(path.read_text())
    other.rename(path)


def remove(path: Path) -> None:
    """As `git stash` does."""
    path.unlink()


@pytest.mark.parametrize("edit", [write, replace, remove])
def test_every_kind_of_save_is_noticed(edit: Callable[[Path], None], tmp_path: Path) -> None:
    """And being put back as well."""
    path, header = tmp_path / "mine.c", tmp_path / "mine.h"
    path.write_text("old")
    header.write_text("old")
    before = files.stamp([path, header])

    edit(path)
    files.wait([path, header], before)

    gone = files.stamp([path, header])
    assert gone != before
    path.write_text("newest")
    files.wait([path, header], gone)


def test_nothing_is_noticed_where_nothing_is_saved(tmp_path: Path) -> None:
    """It goes on waiting."""
    path = tmp_path / "mine.c"
    path.write_text("old")
    waiting = threading.Thread(target=files.wait, args=([path], files.stamp([path])), daemon=True)
    waiting.start()
    waiting.join(3 * files._POLL_S)
    was_waiting = waiting.is_alive()
    path.write_text("newer")
    waiting.join(30)

    assert was_waiting
    assert not waiting.is_alive()


def test_a_file_is_not_taken_half_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file counts as saved when it does not change between two polls."""
    path = tmp_path / "mine.c"
    path.write_text("old")
    before = files.stamp([path])
    parts = iter(["", "one", "one two"])
    looks = 0

    def save_on(_: float) -> None:
        nonlocal looks
        looks += 1
        if part := next(parts, None):
            path.write_text(part)

    monkeypatch.setattr(files.time, "sleep", save_on)
    path.write_text("")
    files.wait([path], before)

    assert looks == 4
    assert path.read_text() == "one two"
