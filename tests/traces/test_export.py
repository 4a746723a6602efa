"""Exports: the same events and metadata in other formats, and a file that is whole or not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet
from support.sample_traces import ENDING, ORIGIN, events, same, some_events, write

from clearfw.errors import TraceError
from clearfw.traces import export
from clearfw.traces.file import COLUMNS, Events, Trace, read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """A trace of two batches."""
    return read(write(tmp_path / "t.trace", some_events(1000), some_events(500, 1)))


def test_parquet_has_all_columns_and_the_metadata(trace: Trace, tmp_path: Path) -> None:
    """Types and values are those of the trace; origin and ending stand beside the columns."""
    told: list[int] = []
    export.export(trace, tmp_path / "t.parquet", told.append)
    table = parquet.read_table(tmp_path / "t.parquet")

    assert {name: table[name].type.to_pandas_dtype() for name in COLUMNS} == dict(COLUMNS)
    for name in COLUMNS:
        whole = np.concatenate([getattr(batch, name) for batch in trace.batches])
        assert np.array_equal(table[name].to_numpy(), whole)
    origin = json.loads(table.schema.metadata[b"clearfw"])
    ending = json.loads(table.schema.metadata[b"clearfw.end"])
    assert (origin["schema"], origin["kernel"], ending["system_s"]) == ("clearfw.trace/1", "7.3.0", 1.5)
    assert told == [1000, 1500]


def test_a_trace_written_again_is_the_same_and_smaller(trace: Trace, tmp_path: Path) -> None:
    """Batch by batch, compressed."""
    regular = events(*[(0, pfn, 0) for pfn in range(5000)])
    large = read(write(tmp_path / "large.trace", regular))
    for given in (trace, large):
        export.export(given, tmp_path / "again.trace")
        again = read(tmp_path / "again.trace")

        assert (again.origin, again.ending) == (ORIGIN, ENDING)
        assert all(same(one, other) for one, other in zip(given.batches, again.batches, strict=True))
    assert (tmp_path / "again.trace").stat().st_size < (tmp_path / "large.trace").stat().st_size / 3


def test_a_trace_can_be_exported_over_itself(trace: Trace) -> None:
    """What is read stays what it was until the new file is whole."""
    before = Events(**{name: getattr(trace.batches[0], name).copy() for name in COLUMNS})

    export.export(trace, trace.path)

    assert same(read(trace.path).batches[0], before)


def test_a_recording_that_was_cut_off_stays_one(tmp_path: Path) -> None:
    """No ending is made up for it, in either format."""
    cut = read(write(tmp_path / "t.trace", some_events(), ending=None))
    for name in ("a.trace", "a.parquet"):
        export.export(cut, tmp_path / name)

    assert read(tmp_path / "a.trace").ending is None
    assert b"clearfw.end" not in parquet.read_schema(tmp_path / "a.parquet").metadata


@pytest.mark.parametrize("name", ["a.trace", "a.parquet"])
def test_an_interrupted_export_leaves_nothing(trace: Trace, tmp_path: Path, name: str) -> None:
    """No partial file is left under the name or next to it; an existing file stays."""
    (tmp_path / name).write_text("before")
    before = set(tmp_path.iterdir())

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.export(trace, tmp_path / name, interrupt)
    assert set(tmp_path.iterdir()) == before
    assert (tmp_path / name).read_text() == "before"


def test_other_formats_are_refused(trace: Trace, tmp_path: Path) -> None:
    """With the two there are."""
    with pytest.raises(TraceError, match=r"a.csv has an unknown suffix: use .parquet or .trace"):
        export.export(trace, tmp_path / "a.csv")
