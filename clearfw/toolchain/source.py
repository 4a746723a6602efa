"""A C source, read once by a command even if it is compiled several times or saved in between."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from clearfw.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUOTED_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# What a file includes in a kernel's tree. This computer has headers of such names too: user space's.
_KERNEL_INCLUDE = re.compile(
    rb"^\s*#\s*include\s+<((?:linux|asm|asm-generic|uapi|trace|vdso|generated)/[\w./-]+)>", re.MULTILINE
)
_FORWARD = "#include <clearfw/strategy.h>\n"


class Source:
    """PATH, and every file that it includes by a quoted path, directly or not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def files(self) -> Mapping[Path, bytes]:
        """The contents by absolute path, its own first; raises CompileError if one cannot be read."""
        found = {_absolute(self.path): _read(self.path)}
        pending = list(found)
        while pending:
            includer = pending.pop()
            for name in _QUOTED_INCLUDE.findall(found[includer]):
                header = _absolute(includer.parent / os.fsdecode(name))
                if header not in found and header.is_file():
                    found[header] = _read(header)
                    pending.append(header)
        return found

    @property
    def data(self) -> bytes:
        """Contents of the file."""
        return next(iter(self.files.values()))

    @property
    def about(self) -> str:
        """The file that a complaint is about."""
        return str(self.path)

    @property
    def text(self) -> str:
        """Contents of the file as text."""
        return self.data.decode(errors="replace")

    @property
    def headers(self) -> Mapping[Path, bytes]:
        """Headers that the file includes by a quoted path. An edit there makes another object."""
        return dict(list(self.files.items())[1:])

    def kernel_headers(self) -> set[str]:
        """Return the kernel headers that it includes; strategy.h replaces all of them."""
        named = {name for data in self.files.values() for name in _KERNEL_INCLUDE.findall(data)}
        return {os.fsdecode(name) for name in named if b".." not in name}

    def write_to(self, root: Path) -> Path:
        """Write the files below ROOT, as far from each other as they are, and return where its own is."""
        for path, data in self.files.items():
            _write(below(root, path), data)
        return below(root, _absolute(self.path))


class Generated(Source):
    """A source that is no file: TEXT, which includes MEMBERS, said to lie at PATH."""

    def __init__(self, path: Path, text: str, members: tuple[Source, ...]) -> None:
        super().__init__(path)
        self._text = text
        self._members = members

    @property
    def about(self) -> str:
        """The first file that somebody wrote."""
        return self._members[0].about if self._members else super().about

    @functools.cached_property
    def files(self) -> Mapping[Path, bytes]:
        """The text, and the files of every member."""
        found = {_absolute(self.path): self._text.encode(errors="surrogateescape")}
        for member in self._members:
            found.update(member.files)
        return found


def below(root: Path, path: Path) -> Path:
    """Return the absolute PATH relative to ROOT."""
    return root / path.relative_to(path.anchor)


def forward(names: set[str], directory: Path) -> None:
    """Write headers called NAMES to DIRECTORY that include strategy.h, and nothing else."""
    for name in names:
        _write(directory / name, _FORWARD.encode(errors="surrogateescape"))


def sha256(data: bytes) -> str:
    """Return DATA's digest, in hex."""
    return hashlib.sha256(data).hexdigest()


def headers_below(directory: Path, *patterns: str) -> Iterator[Path]:
    """Yield the files of DIRECTORY that match PATTERNS, in the order of their names."""
    for pattern in patterns:
        yield from sorted(directory.glob(pattern))


def _absolute(path: Path) -> Path:
    # Links are not resolved: the compiler uses the path as written.
    return Path(os.path.abspath(path))  # noqa: PTH100  Path.absolute() keeps "..", which may cross a link


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CompileError(str(path), f"{error.strerror}: give the path of a C file") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
