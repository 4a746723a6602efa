"""Messages of Arrow streams: the size they unpack to, told before anything is unpacked."""

from __future__ import annotations

import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw.traces import arrow


def message(rows: int, compression: str | None) -> pa.ipc.Message:
    """Return the record batch of a stream with ROWS numbers."""
    batch = pa.record_batch({"ts": np.arange(rows, dtype=np.uint64), "order": np.zeros(rows, np.uint8)})
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    found = pa.ipc.MessageReader.open_stream(sink.getvalue())
    assert found.read_next_message().type == "schema"
    return found.read_next_message()


@given(rows=st.integers(1, 5000), compression=st.sampled_from(["lz4", "zstd"]))
def test_the_size_is_that_of_the_columns(rows: int, compression: str) -> None:
    """Eight bytes and one byte a row, however small they were packed, and no more than padding above."""
    size = arrow.unpacked_bytes(message(rows, compression))

    assert 9 * rows <= size < 9 * rows + 128


def test_what_is_not_compressed_takes_nothing_more() -> None:
    """It is mapped as it lies in the file."""
    assert arrow.unpacked_bytes(message(100, None)) == 0


def test_a_schema_has_no_buffers() -> None:
    """Only record batches are unpacked."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema({"ts": pa.uint64()})):
        pass

    assert arrow.unpacked_bytes(pa.ipc.MessageReader.open_stream(sink.getvalue()).read_next_message()) == 0


class Forged:
    """A message whose body was changed after it was written."""

    def __init__(self, real: pa.ipc.Message, size: int) -> None:
        self.type = real.type
        self.metadata = real.metadata
        self.body = struct.pack("<q", size) + bytes(real.body)[8:]


def test_a_size_that_a_bomb_claims_is_told() -> None:
    """A few bytes may say that they hold a terabyte: that is what is to be known beforehand."""
    assert arrow.unpacked_bytes(Forged(message(100, "lz4"), 1 << 40)) >= 1 << 40


def test_a_size_below_zero_is_refused() -> None:
    """-1 says that a buffer is stored as it is; nothing else below zero says anything."""
    with pytest.raises(ValueError, match="a buffer of -7 bytes"):
        arrow.unpacked_bytes(Forged(message(100, "lz4"), -7))
