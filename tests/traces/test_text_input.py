"""Text to import: unpacked where it is compressed, refused where it is no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import TraceError
from clearfw.traces.text_input import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = b"".join(b"line %d of a text\n" % number for number in range(20_000))


def contents(path: Path) -> bytes:
    """Return all that is read of PATH, in pieces."""
    found = bytearray()
    buffer = bytearray(4096)
    with opened(str(path)) as text:
        while nread := text.readinto(buffer):
            found += buffer[:nread]
    return bytes(found)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_text_is_read_whole(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Whether it is compressed, by gzip or xz, or not."""
    path = tmp_path / "trace.txt"
    path.write_bytes(pack(LINES))

    assert contents(path) == LINES


@pytest.mark.parametrize(
    ("start", "what", "todo"),
    [
        (b"\x17\x08Dtracing6", "a trace.dat", "trace-cmd report"),
        (b"PERFILE2", "a perf.data", "perf script"),
        (b"PAR1", "a Parquet file", "the text that ftrace"),
        (b"ARROW1\0\0", "an Arrow file", "the text that ftrace"),
        (b"\xff\xff\xff\xff", "an Arrow stream", "replay it"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd -d"),
        (bz2.compress(LINES), "compressed with bzip2", "bunzip2"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_is_no_text_is_named(
    start: bytes, what: str, todo: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """The message says what to do, also for a compressed file."""
    path = tmp_path / "given"
    path.write_bytes(pack(start + bytes(100)))

    with pytest.raises(TraceError) as refused, opened(str(path)):
        pass

    assert f"{path} is {what}" in str(refused.value)
    assert todo in str(refused.value)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_file_that_was_cut_off_is_damaged(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """What came before is read; then one line says what is wrong."""
    path = tmp_path / "trace.txt.gz"
    packed = pack(LINES)
    path.write_bytes(packed[: len(packed) // 2])

    with pytest.raises(TraceError, match="cannot be decompressed any further"):
        contents(path)


def test_progress_is_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    """Its size is that of the compressed file, and so is the position in it."""
    path = tmp_path / "trace.txt.xz"
    path.write_bytes(lzma.compress(LINES))
    buffer = bytearray(1 << 20)

    with opened(str(path)) as text:
        while text.readinto(buffer):
            pass
        assert text.position == text.nbytes == path.stat().st_size
        assert text.is_at(path)


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a daemon has it."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(TraceError, match="standard input is closed"), opened("-"):
        pass


def test_standard_input_of_a_pipe_has_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is still to come is not known."""
    import os

    reader, writer = os.pipe()
    os.write(writer, b"a line\n")
    os.close(writer)
    with io.TextIOWrapper(io.BufferedReader(io.FileIO(reader))) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        with opened("-") as text:
            assert (text.name, text.nbytes, text.position) == ("standard input", None, 0)
            buffer = bytearray(64)
            assert buffer[: text.readinto(buffer)] == b"a line\n"
