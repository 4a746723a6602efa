"""A trace written again: to Parquet for other programs, or compressed for keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.errors import TraceError
from clearfw.files import replacing
from clearfw.traces.file import TraceWriter, record_batch, schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clearfw.traces.file import Events, Trace

_FORMATS = (".parquet", ".trace")


def check_format(path: Path) -> None:
    """Raise TraceError unless PATH ends in .parquet or .trace."""
    if path.suffix not in _FORMATS:
        msg = f"{path} has an unknown suffix: use {' or '.join(_FORMATS)}"
        raise TraceError(msg)


def export(trace: Trace, path: Path, progress: Callable[[int], None] = lambda _: None) -> None:
    """Write TRACE to PATH, in the format of its suffix; PROGRESS gets the number of events written.

    PATH appears when it is whole, or not at all. Raises OSError, and TraceError as check_format().
    """
    check_format(path)
    write = _parquet if path.suffix == ".parquet" else _trace
    write(trace, path, progress)


def _parquet(trace: Trace, path: Path, progress: Callable[[int], None]) -> None:
    """Write a row group for each batch, the ending beside the origin in the metadata of the columns."""
    from pyarrow import parquet

    columns = schema(trace.origin, trace.ending)
    with replacing(path) as file, parquet.ParquetWriter(file, columns, compression="zstd") as writer:
        _each(trace, lambda events: writer.write_batch(record_batch(events, columns)), progress)


def _trace(trace: Trace, path: Path, progress: Callable[[int], None]) -> None:
    with TraceWriter(path, trace.origin, compression="zstd", whole=True) as writer:
        _each(trace, writer.write, progress)
        if trace.ending is not None:
            writer.end(trace.ending)


def _each(trace: Trace, write: Callable[[Events], None], progress: Callable[[int], None]) -> None:
    written = 0
    for events in trace.batches:
        write(events)
        written += len(events)
        progress(written)
