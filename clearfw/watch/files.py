"""Saves: waiting until files that somebody edits have been saved."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Asked of a few files five times a second, and never while something is timed, the file system answers as
# soon as a notification would be noticed; it does so on network mounts too, and across renames.
_POLL_S = 0.2

Stamp: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"


def stamp(paths: Sequence[Path]) -> Stamp:
    """Return what changes when one of PATHS is saved, replaced, removed or put back."""
    return tuple(map(_stamp, paths))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def wait(paths: Sequence[Path], seen: Stamp) -> None:
    """Return once PATHS have changed since SEEN, and then stayed for a moment: nothing is half saved."""
    before = seen
    while True:
        time.sleep(_POLL_S)
        now = stamp(paths)
        if now == before != seen:
            return
        before = now
