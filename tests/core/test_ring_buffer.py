"""The decoder of ring-buffer pages: against another one, on real pages and on damaged ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import raw_pages

from clearfw._core import RingBufferDecoder
from clearfw.errors import TraceError
from clearfw.traces import event_format
from clearfw.traces.event_format import Field
from clearfw.traces.file import BATCH, Events

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = event_format.layout(
    (raw_pages.STORM / "header_page").read_text(), raw_pages.formats(raw_pages.STORM)
)
FOLDERS = (raw_pages.STORM, raw_pages.THP)


def decoded(data: bytes, decoder: RingBufferDecoder, cpu: int = 0) -> list[tuple[int, ...]]:
    """Return the events of DATA as raw_pages.decode() has them, decoded in C, batch by batch."""
    events, rows, start = Events.room(), [], 0
    while len(data) - start >= raw_pages.PAGE:
        start, nr = decoder.decode(data, start, cpu, events, 0)
        flags = decoder.gfp_flags or [0]
        columns = [
            getattr(events, name)[:nr].tolist()
            for name in ("ts", "pfn", "gfp", "pid", "migratetype", "order", "kind")
        ]
        columns[2] = [
            flags[gfp] if kind == 0 else 0 for gfp, kind in zip(columns[2], columns[6], strict=True)
        ]
        rows += zip(*columns, strict=True)
        assert (events.cpu[:nr] == cpu).all()
    return rows


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("cpu", [0, 1])
def test_another_decoder_agrees(folder: Path, cpu: int) -> None:
    """Every field of every event of a real kernel is what a decoder written apart from it reads."""
    data = raw_pages.pages(folder, cpu)
    decoder = RingBufferDecoder(LAYOUT)

    assert list(raw_pages.decode(data)) == decoded(data, decoder, cpu)
    assert decoder.counts == {
        "pages": len(data) // raw_pages.PAGE,
        "other": 0,
        "malformed": 0,
        "missed": 0,
        "missed_pages": 0,
    }


def test_a_tracepoint_without_a_format_is_counted() -> None:
    """Events of other tracepoints are counted, not decoded."""
    data = raw_pages.pages(raw_pages.THP, 1)
    alone = attrs.evolve(LAYOUT, records={1: LAYOUT.records[1]})
    decoder = RingBufferDecoder(alone)
    rows = decoded(data, decoder)

    assert [row for row in raw_pages.decode(data) if row[6] == 1] == rows
    assert sum(row[6] != 1 for row in raw_pages.decode(data)) == decoder.counts["other"]


def test_full_columns_end_a_call() -> None:
    """A sub-buffer that might not fit is left for the next call."""
    data = raw_pages.pages(raw_pages.THP, 1)
    decoder = RingBufferDecoder(LAYOUT)
    room = decoder.most_events
    start, nr = decoder.decode(data, 0, 0, Events.room(room), 0)

    assert start == raw_pages.PAGE
    assert 0 < nr <= room
    assert decoder.decode(data, 0, 0, Events.room(room - 1), 0) == (0, 0)


def test_drain_reads_all_there_is(tmp_path: Path) -> None:
    """A file is decoded as its bytes are, and what is behind the last whole sub-buffer does no harm."""
    data = raw_pages.pages(raw_pages.THP, 1)
    path = tmp_path / "raw"
    path.write_bytes(data + b"\0" * 100)
    events = Events.room(2 * BATCH)
    decoder = RingBufferDecoder(LAYOUT)
    fd = os.open(path, os.O_RDONLY)
    nr, full = decoder.drain(fd, 1, events, 0)
    os.close(fd)

    assert [row[1] for row in raw_pages.decode(data)] == events.pfn[:nr].tolist()
    assert not full
    with pytest.raises(OSError, match="Bad file descriptor"):
        decoder.drain(fd, 1, events, 0)


@given(
    changes=st.lists(st.tuples(st.integers(0, 2 * raw_pages.PAGE - 1), st.integers(0, 255)), max_size=40),
    cut=st.integers(0, 2 * raw_pages.PAGE),
)
def test_damaged_pages_are_survived(changes: list[tuple[int, int]], cut: int) -> None:
    """Whatever became of a sub-buffer, no more events than it can hold come out of it, all of known kinds."""
    data = bytearray(raw_pages.pages(raw_pages.THP, 1)[: 2 * raw_pages.PAGE])
    for place, byte in changes:
        data[place] = byte
    decoder = RingBufferDecoder(LAYOUT)
    events = Events.room(2 * decoder.most_events)
    start, nr = decoder.decode(bytes(data[:cut]), 0, 0, events, 0)

    assert start == cut - cut % raw_pages.PAGE
    assert nr <= start // raw_pages.PAGE * decoder.most_events
    assert set(events.kind[:nr].tolist()) <= {0, 1, 2}
    assert decoder.counts["malformed"] <= decoder.counts["pages"] == start // raw_pages.PAGE


def test_a_layout_that_cannot_be_is_refused() -> None:
    """A field outside of its record is no field; nor is one of three bytes."""
    for field in (Field(1 << 20, 8), Field(8, 3)):
        record = attrs.evolve(LAYOUT.records[0], pfn=field)
        with pytest.raises(ValueError, match="outside of their record"):
            RingBufferDecoder(attrs.evolve(LAYOUT, records={0: record}))


def test_columns_and_places_are_checked() -> None:
    """Python's mistakes do not reach C."""
    decoder = RingBufferDecoder(LAYOUT)
    events = Events.room(10)
    with pytest.raises(ValueError, match="no such place"):
        decoder.decode(b"", -1, 0, events, 0)
    with pytest.raises(ValueError, match="no such place"):
        decoder.drain(0, 0, events, 11)
    with pytest.raises(ValueError, match="no kind of event is 3"):
        RingBufferDecoder(attrs.evolve(LAYOUT, records={3: LAYOUT.records[0]}))


def test_gfp_flags_past_counting_are_refused() -> None:
    """More different flags than a kernel has mean that something else was read as flags."""
    record = attrs.evolve(LAYOUT.records[0], gfp=Field(4, 8))
    decoder = RingBufferDecoder(attrs.evolve(LAYOUT, records={0: record}))
    data = raw_pages.pages(raw_pages.STORM, 0)
    with pytest.raises(TraceError, match="more different gfp_flags than a kernel has"):
        decoded(data, decoder)
