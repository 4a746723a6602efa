"""What a package's build compiled beforehand, so that no compiler is needed: only as it was installed."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# As csrc/CMakeLists.txt has them: another way to compile is another key.
FLAGS = ("-ffreestanding", "-fno-strict-aliasing", "-Wall")


def path(source: Path, identity: str) -> Path:
    """Return where a build puts SOURCE's shared object: prebuilt/STEM-KEY.so beside it, there or not."""
    key = hashlib.sha256(" ".join([*FLAGS, identity]).encode()).hexdigest()[:16]
    return source.absolute().parent / "prebuilt" / f"{source.stem}-{key}.so"


def find(source: Path, identity: str) -> Path | None:
    """Return the shared object that a package brought for SOURCE and IDENTITY, or None.

    Both must lie where Python finds its packages, and be what the RECORD of a distribution says it installed
    there: a library that somebody put beside a C file is never run.
    """
    built = path(source, identity)
    if not built.is_file():
        return None
    for directory in _package_directories():
        if built.is_relative_to(directory):
            names = [str(one.relative_to(directory)) for one in (source.absolute(), built)]
            recorded = _recorded(directory, *names)
            if recorded and all(_digest(directory / name) == recorded[name] for name in names):
                return built
    return None


def _package_directories() -> Iterator[Path]:
    # Whatever lies in the current folder may have come with a download.
    here = Path.cwd()
    return (Path(one) for one in dict.fromkeys(sys.path) if Path(one).is_absolute() and Path(one) != here)


@functools.cache
def _recorded(directory: Path, source: str, built: str) -> dict[str, str]:
    """Return the digests of both files, as the one RECORD in DIRECTORY that has them says; else nothing."""
    for record in directory.glob("*.dist-info/RECORD"):
        text = record.read_text(errors="replace")
        if source in text and built in text:
            digests = {row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) == 3}  # noqa: PLR2004
            if digests.get(source) and digests.get(built):
                return {name: digests[name] for name in (source, built)}
    return {}


def _digest(file: Path) -> str:
    """Return FILE's digest as a RECORD has it: PyPA, "Recording installed projects"."""
    digest = hashlib.sha256(file.read_bytes()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
