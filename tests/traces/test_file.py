"""Traces: what is written is read, and no file brings more than one line of trouble."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.sample_traces import ENDING, ORIGIN, same, some_events, without, write

from clearfw import host
from clearfw.errors import MissingExtraError, TraceError
from clearfw.traces import file
from clearfw.traces.file import BATCH, COLUMNS, NO_PFN, Events, Kind, Trace, TraceWriter, read

if TYPE_CHECKING:
    from pathlib import Path

COMPRESSIONS = ("", "zstd", "lz4")


def as_arrow(path: Path, metadata: dict[bytes, bytes] | None, columns: dict[str, Any]) -> Path:
    """Write an Arrow stream that no TraceWriter would."""
    table = pa.table(columns).replace_schema_metadata(metadata)
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)
    return path


def about(**changes: object) -> dict[bytes, bytes]:
    """Return the metadata of a schema, changed; "-" takes a key away."""
    facts = {"schema": file.SCHEMA, **attrs.asdict(ORIGIN), **changes}
    return {b"clearfw": json.dumps({key: value for key, value in facts.items() if value != "-"}).encode()}


def columns(count: int = 3, **changes: object) -> dict[str, Any]:
    """Return columns of zeroes, changed."""
    return {name: np.zeros(count, dtype) for name, dtype in COLUMNS.items()} | changes


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_written_is_read(tmp_path: Path, compression: str) -> None:
    """Events, origin and ending come back as they were, compressed or not."""
    batches = [some_events(seed=seed, count=count) for seed, count in enumerate((100, 1, BATCH))]

    trace = read(write(tmp_path / "t.trace", *batches, compression=compression))

    assert (trace.origin, trace.ending, trace.truncated, trace.exact) == (ORIGIN, ENDING, False, True)
    assert [same(one, other) for one, other in zip(batches, trace.batches, strict=True)] == [True] * 3
    assert trace.nevents == 101 + BATCH


def test_an_uncompressed_trace_is_copied_once(tmp_path: Path) -> None:
    """Its columns are views of the one copy: reading it allocates the file's size, and little else."""
    path = write(tmp_path / "t.trace", *[some_events(BATCH)] * 4)
    before = pa.total_allocated_bytes()

    trace = read(path)

    assert pa.total_allocated_bytes() - before < path.stat().st_size * 1.01
    assert not trace.batches[0].ts.flags.owndata


def test_a_trace_may_be_truncated_by_another_program(tmp_path: Path) -> None:
    """Whoever has read it keeps it: a mapped one would end this process with SIGBUS."""
    path = write(tmp_path / "t.trace", *[some_events(BATCH)] * 4)
    trace = read(path)
    os.truncate(path, 100)

    assert same(trace.batches[3], some_events(BATCH))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_trace_cut_anywhere_is_read_up_to_its_last_whole_batch(tmp_path: Path, compression: str) -> None:
    """A crash loses only the batch that was being written."""
    batches = [some_events(50, seed) for seed in range(4)]
    whole = write(tmp_path / "t.trace", *batches, compression=compression).read_bytes()
    cut = tmp_path / "cut.trace"
    counts: list[int] = []
    for size in range(1, len(whole), 7):
        cut.write_bytes(whole[:size])
        try:
            trace = read(cut)
        except TraceError:
            assert not counts  # within the schema, where nothing is known of any event
            continue
        assert all(same(one, other) for one, other in zip(batches, trace.batches, strict=False))
        counts.append(len(trace.batches))

    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_a_recording_under_way_can_be_read(tmp_path: Path) -> None:
    """What is written so far is there, and again what came after."""
    path = tmp_path / "t.trace"
    with TraceWriter(path, ORIGIN) as writer:
        writer.write(some_events())
        first = read(path)
        writer.write(some_events())
        second = read(path)

    assert [(one.nevents, one.ending, one.exact) for one in (first, second)] == [
        (100, None, False),
        (200, None, False),
    ]
    assert same(first.batches[0], some_events())


def test_a_trace_that_is_being_read_can_be_recorded_anew(tmp_path: Path) -> None:
    """Whoever reads the old one keeps it; a link to it leads to the new one."""
    path = write(tmp_path / "t.trace", *[some_events(BATCH)] * 2)
    link = tmp_path / "link.trace"
    link.symlink_to(path)
    old = read(path)
    write(link, some_events(10, 1))

    assert same(old.batches[1], some_events(BATCH))
    assert (read(path).nevents, link.is_symlink()) == (10, True)


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    """Another file, an empty one, a directory and another Arrow stream: one line each, and what to do."""
    other = as_arrow(tmp_path / "other", None, {"a": [1]})
    text, empty = tmp_path / "text", tmp_path / "empty"
    text.write_text("# tracer: nop\n")
    empty.touch()

    for path, found in (
        (other, "an Arrow stream of something else"),
        (text, "no Arrow stream"),
        (empty, "an empty file"),
        (tmp_path, "a directory"),
    ):
        with pytest.raises(
            TraceError, match=rf"{path} is not a trace: {found}: make one with clearfw record"
        ):
            read(path)
    with pytest.raises(FileNotFoundError, match="none"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"schema": "clearfw.trace/2"},
            "a trace of schema 'clearfw.trace/2', not clearfw.trace/1",
        ),
        ({"schema": "-"}, "a trace of schema without a name"),
        ({"schema": [[]]}, "a trace of schema without a name"),
        ({"kernel": 7}, "metadata out of range .*kernel"),
        ({"page_size": 4095}, "metadata out of range .*page_size"),
        ({"page_size": 4096.0}, "metadata out of range .*page_size"),
        ({"lanes": []}, "metadata out of range .*lanes"),
        ({"source": None}, "metadata out of range .*source"),
        ({"command": 1}, "metadata out of range"),
        ({"fu\nture": 1}, r"metadata out of range .*fu\\nture"),
    ],
)
def test_metadata_out_of_range_is_refused(tmp_path: Path, changes: dict[str, Any], found: str) -> None:
    """A schema of the future, and metadata that no clearfw writes, are refused in one line."""
    path = as_arrow(tmp_path / "t.trace", about(**changes), columns())

    with pytest.raises(TraceError, match=found) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [(b"[" * 100_000, "not JSON"), (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[]", "not a JSON object")],
    ids=["deep", "cut", "not UTF-8", "a list"],
)
def test_metadata_that_is_no_json_is_refused(tmp_path: Path, text: bytes, found: str) -> None:
    """However deep it is nested."""
    with pytest.raises(TraceError, match=f"has metadata that is {found}: it is damaged"):
        read(as_arrow(tmp_path / "t.trace", {b"clearfw": text}, columns()))


@pytest.mark.parametrize(
    "ending",
    [
        {"lost": -1},
        {"lost": 1 << 64},
        {"system_s": float("nan")},
        {"user_s": -1.0},
        {"elapsed_s": float("inf")},
    ],
    ids=str,
)
def test_an_ending_out_of_range_is_refused(tmp_path: Path, ending: dict[str, float]) -> None:
    """Counts and times that cannot be: no figure is made of them."""
    path = tmp_path / "t.trace"
    with TraceWriter(path, ORIGIN) as writer:
        writer._write(Events.room(0), {b"clearfw.end": json.dumps(ending).encode()})

    with pytest.raises(TraceError, match=f"has metadata out of range .*{next(iter(ending))}"):
        read(path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"kind": np.full(3, len(Kind), np.uint8)}, "has events of kind 3"),
        ({"kind": np.full(3, 255, np.uint8)}, "has events of kind 255"),
        ({"pfn": np.zeros(3, np.int64)}, "has other columns"),
        ({"more": np.zeros(3)}, "has other columns"),
        ({"ts": pa.array([1, None, 3], pa.uint64())}, "has events without a value"),
    ],
)
def test_columns_out_of_range_are_refused(tmp_path: Path, changes: dict[str, Any], found: str) -> None:
    """A kind that there is not, and columns that are others."""
    with pytest.raises(TraceError, match=f"{found}: it is damaged"):
        read(as_arrow(tmp_path / "t.trace", about(), columns(**changes)))


def test_a_batch_of_one_processor_has_no_other(tmp_path: Path) -> None:
    """With lanes "cpu" a batch with two of them is refused; with "time" it is as it should be."""
    mixed = columns(cpu=np.array([0, 1, 1], np.uint16))

    with pytest.raises(TraceError, match="has several processors in a batch of one: it is damaged"):
        read(as_arrow(tmp_path / "cpu.trace", about(lanes="cpu"), mixed))
    assert read(as_arrow(tmp_path / "time.trace", about(), mixed)).nevents == 3


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_claim_beyond_memory_is_refused_before_it_is_unpacked(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that unpacks to more than the host has is refused, and takes no memory."""
    events = Events(**columns(1 << 20))
    path = write(tmp_path / "t.trace", events, compression=compression)
    monkeypatch.setattr(host, "available_memory", lambda: 29 << 19)
    before = pa.total_allocated_bytes()

    assert path.stat().st_size < 1 << 20
    with pytest.raises(TraceError, match="unpacks to 29M or more, the host has 14M available: read it where"):
        read(path)
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize("claim", [1 << 40, 1 << 62, -2, -(1 << 63)])
def test_a_buffer_that_claims_what_cannot_be_is_refused_or_cut(tmp_path: Path, claim: int) -> None:
    """Neither a claim of a terabyte nor a negative one reaches an allocator."""
    whole = write(tmp_path / "t.trace", Events(**columns(1000)), compression="zstd").read_bytes()
    honest = struct.pack("<q", 8000)
    assert whole.count(honest) > 1
    (tmp_path / "t.trace").write_bytes(whole.replace(honest, struct.pack("<q", claim)))

    trace: Trace | None = None
    try:
        trace = read(tmp_path / "t.trace")
    except TraceError as error:
        assert claim > 0
        assert "unpacks to" in str(error)  # noqa: PT017
    assert trace is None or (trace.truncated and trace.batches == ())


def test_a_batch_that_claims_more_rows_than_it_has_is_cut(tmp_path: Path) -> None:
    """The length of a batch is compared with its buffers before any row is read."""
    whole = write(tmp_path / "t.trace", some_events(1000)).read_bytes()
    (tmp_path / "t.trace").write_bytes(whole.replace(struct.pack("<q", 1000), struct.pack("<q", 1 << 40)))

    trace = read(tmp_path / "t.trace")

    assert (trace.truncated, trace.batches, trace.ending) == (True, (), None)


DAMAGE = st.lists(
    st.tuples(st.sampled_from(("flip", "cut", "splice", "zero")), st.floats(0, 1), st.floats(0, 1)),
    min_size=1,
    max_size=4,
)


def damaged(whole: bytes, how: list[tuple[str, float, float]]) -> bytes:
    """Return bytes with DAMAGE done to them."""
    text = bytearray(whole)
    for kind, where, what in how:
        place = int(where * (len(text) - 1)) if text else 0
        size = int(what * 64) + 1
        if kind == "flip" and text:
            text[place] ^= size
        elif kind == "cut":
            del text[place:]
        elif kind == "splice":
            text[place:place] = whole[int(what * len(whole)) :][: size * 16]
        else:
            text[place : place + size] = bytes(len(text[place : place + size]))
    return bytes(text)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@given(how=DAMAGE)
@example(how=[("cut", 0.0, 0.0)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damage_ends_in_one_line_or_in_a_trace(
    tmp_path: Path, compression: str, how: list[tuple[str, float, float]]
) -> None:
    """Whatever bytes are flipped, cut, spliced or zeroed: a TraceError, or events that can be worked with."""
    path = tmp_path / "t.trace"
    whole = write(path, some_events(200), some_events(300, 1), compression=compression).read_bytes()
    path.write_bytes(damaged(whole, how))
    before = pa.total_allocated_bytes()

    try:
        trace = read(path)
    except TraceError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        return
    for events in trace.batches:
        assert {len(getattr(events, name)) for name in COLUMNS} == {len(events)}
        assert events.kind.max() <= max(Kind)
        assert all(getattr(events, name).flags.aligned for name in COLUMNS)
    assert pa.total_allocated_bytes() - before < 1 << 24


def test_a_failed_allocation_has_the_pfn_that_the_kernel_records() -> None:
    """-1UL, as trace_mm_page_alloc() has it."""
    assert int(np.uint64(-1 & (2**64 - 1))) == NO_PFN


def test_without_pyarrow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    without(monkeypatch, "pyarrow")

    with pytest.raises(MissingExtraError, match=r"traces need pyarrow, .*: .* -m pip install pyarrow"):
        read(tmp_path / "t.trace")
