"""A second decoder of ring-buffer pages, slow and in Python, to hold the one in C against; and real pages."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from clearfw.traces import event_format, ring_buffer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearfw.traces.file import Kind

DATA = Path(__file__).parents[1] / "data"
STORM = DATA / "kernel-7.3-smp2-storm"
THP = DATA / "kernel-7.3-smp2-thp"
PAGE = 4096
ALLOC, FREE, FREE_BATCHED = 252, 254, 253  # ID of the .format files
KINDS = {ALLOC: 0, FREE: 1, FREE_BATCHED: 2}


def formats(folder: Path) -> dict[Kind, event_format.Format]:
    """Return the formats of a folder of raw pages."""
    names = event_format.EVENTS.items()
    return ring_buffer.read_formats({kind: folder / f"{name}.format" for kind, name in names})


def pages(folder: Path, cpu: int) -> bytes:
    """Return what one processor's trace_pipe_raw gave."""
    return lzma.decompress((folder / f"cpu{cpu}.raw.xz").read_bytes())


def decode(data: bytes) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    """Yield ts, pfn, gfp_flags, pid, migratetype, order and kind of the events in sub-buffers."""
    for start in range(0, len(data), PAGE):
        stamp, commit = struct.unpack_from("<QQ", data, start)
        yield from _events(data[start + 16 : start + 16 + (commit & 0xFFFFF)], stamp)


def _events(data: bytes, ts: int) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    at = 0
    while at < len(data):
        (head,) = struct.unpack_from("<I", data, at)
        length, delta = head & 31, head >> 5
        at += 4
        if length in {30, 31}:
            wide = delta + (struct.unpack_from("<I", data, at)[0] << 27)
            ts = wide if length == 31 else ts + wide
            at += 4
            continue
        if length == 29:
            ts += delta if delta > 1 else 0
            at += struct.unpack_from("<I", data, at)[0]
            continue
        assert 0 < length < 29, f"{length}, which these recordings do not have"
        ts += delta
        yield _record(data[at : at + 4 * length], ts)
        at += 4 * length


def _record(data: bytes, ts: int) -> tuple[int, int, int, int, int, int, int]:
    id_, _, _, pid, pfn = struct.unpack_from("<HBBiQ", data)
    order = 0 if id_ == FREE_BATCHED else struct.unpack_from("<I", data, 16)[0]
    gfp, migratetype = struct.unpack_from("<Qi", data, 24) if id_ == ALLOC else (0, -1)
    return ts, pfn, gfp, pid, migratetype, order, KINDS[id_]
