"""Text files to import, plain or compressed; other files are recognised and refused."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from clearfw.errors import TraceError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

# What can be imported.
WANTED = "the text that ftrace, trace-cmd report or perf script prints of kmem:mm_page_alloc and mm_page_free"
# Files that are not text, by their first bytes: the kind of file, and the advice.
_BINARY = {
    b"\x17\x08Dtracing": (
        "a trace.dat",
        "run trace-cmd report -t -i {name} > trace.txt, and import trace.txt",
    ),
    b"PERFILE2": (
        "a perf.data",
        "run perf script --ns --show-lost-events -i {name} > trace.txt, and import trace.txt",
    ),
    b"PAR1": ("a Parquet file", f"give {WANTED}"),
    b"ARROW1": ("an Arrow file", f"give {WANTED}"),
    b"\xff\xff\xff\xff": ("an Arrow stream, as a trace is,", "if it is one, replay it unchanged"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "run zstd -d {name}, and import what that makes"),
    b"BZh": ("compressed with bzip2", "run bunzip2 {name}, and import what that makes"),
}
_LONGEST_MAGIC = max(map(len, _BINARY))
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)


class _Stream(Protocol):
    """A binary file that can be looked into."""

    def peek(self, size: int = ..., /) -> bytes:
        """Return the next bytes, and leave them."""

    def readinto1(self, buffer: bytearray, /) -> int:
        """Return how many bytes were read, by one call of the host where there are any."""


@contextlib.contextmanager
def opened(file: str) -> Iterator[Text]:
    """Open FILE, or for "-" standard input; raises OSError, and TraceError if it is not text."""
    if file == "-":
        if sys.stdin is None:
            msg = "standard input is closed: name a file, or redirect one"
            raise TraceError(msg)
        yield Text("standard input", cast("io.BufferedReader", sys.stdin.buffer))
        return
    # A named pipe may be a recording that goes on: its writer ends it, or Ctrl-C.
    with Path(file).open("rb") as raw:
        yield Text(file, raw)


class Text:
    """A text to import, compressed by xz or gzip or not."""

    def __init__(self, name: str, raw: io.BufferedReader) -> None:
        self.name = name
        self._raw = raw
        about = os.fstat(raw.fileno())
        if stat.S_ISBLK(about.st_mode) or (stat.S_ISCHR(about.st_mode) and not raw.isatty()):
            msg = f"{name} is a device, and no text that ends: give {WANTED}"
            raise TraceError(msg)
        self.nbytes = about.st_size if stat.S_ISREG(about.st_mode) else None
        self._stream = self._unpacked()

    @property
    def position(self) -> int:
        """The bytes of the file that were read; 0 where it has no size."""
        return 0 if self.nbytes is None else self._raw.tell()

    def is_at(self, path: Path) -> bool:
        """Whether PATH, which exists, is this very file."""
        return os.path.samestat(os.fstat(self._raw.fileno()), path.stat())

    def readinto(self, buffer: bytearray) -> int:
        """Return how many bytes were read; raises TraceError where the compressed file is damaged."""
        try:
            # What a pipe has now, rather than all that would fit: an interrupt loses nothing of it.
            return self._stream.readinto1(buffer)
        except _DAMAGED as error:
            raise TraceError(self._damaged(error)) from error

    def _unpacked(self) -> _Stream:
        """Return the text; raises TraceError if the file is not text."""
        start = self._raw.peek(_LONGEST_MAGIC)
        stream: _Stream = self._raw
        if start.startswith(b"\xfd7zXZ\x00"):
            stream = lzma.open(self._raw)  # noqa: SIM115
        elif start.startswith(b"\x1f\x8b"):
            stream = cast("_Stream", gzip.open(self._raw))  # noqa: SIM115
        try:
            self._refuse_binary(stream.peek(_LONGEST_MAGIC))
        except _DAMAGED as error:
            raise TraceError(self._damaged(error)) from error
        return stream

    def _refuse_binary(self, start: bytes) -> None:
        for magic, (what, todo) in _BINARY.items():
            if start.startswith(magic):
                msg = f"{self.name} is {what} and not text: {todo.format(name=self.name)}"
                raise TraceError(msg)

    def _damaged(self, error: Exception) -> str:
        return f"{self.name} cannot be decompressed any further ({error}): it is damaged, copy it again"
