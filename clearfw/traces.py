"""Traces: a kernel's page allocations and frees in a file, an Arrow IPC stream with what is known of them."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
import numpy as np

from clearfw.errors import MissingExtraError, TraceError

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa

_T = TypeVar("_T")

SCHEMA = "clearfw.trace/1"
NO_PFN = 2**64 - 1  # csrc/trace_event.h: TRACE_NO_PFN
_META = b"clearfw"
_END = b"clearfw.end"
# The columns, in the order of csrc/trace_event.h. No event takes more than 29 bytes.
COLUMNS: Mapping[str, type[np.generic]] = {
    "ts": np.uint64,
    "pfn": np.uint64,
    "gfp": np.uint32,
    "pid": np.int32,
    "cpu": np.uint16,
    "migratetype": np.int8,
    "order": np.uint8,
    "kind": np.uint8,
}
# Events of a batch: 1.9 MB, and what a crash may lose.
BATCH = 1 << 16


class Kind(enum.IntEnum):
    """Which tracepoint: csrc/trace_event.h, enum trace_kind."""

    ALLOC = 0
    FREE = 1
    FREE_BATCHED = 2


@attrs.frozen(kw_only=True, eq=False)
class Events:
    """Columns of events, of one length.

    Attributes:
        ts: nanoseconds of the trace's clock.
        pfn: NO_PFN for an allocation that failed.
        gfp: of allocations, in clearfw.gfp's bits, whatever the recording kernel's were.
        pid, cpu: the task and the processor.
        migratetype: as the kernel numbers it, or -1.
        order: as recorded; free_batched events always say 0.
        kind: a Kind.

    """

    ts: np.ndarray[Any, np.dtype[np.uint64]]
    pfn: np.ndarray[Any, np.dtype[np.uint64]]
    gfp: np.ndarray[Any, np.dtype[np.uint32]]
    pid: np.ndarray[Any, np.dtype[np.int32]]
    cpu: np.ndarray[Any, np.dtype[np.uint16]]
    migratetype: np.ndarray[Any, np.dtype[np.int8]]
    order: np.ndarray[Any, np.dtype[np.uint8]]
    kind: np.ndarray[Any, np.dtype[np.uint8]]

    @classmethod
    def room(cls, count: int = BATCH) -> Self:
        """Return columns for COUNT events, their contents undefined."""
        return cls(**{name: np.empty(count, dtype) for name, dtype in COLUMNS.items()})

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, which: slice) -> Self:
        return type(self)(**{name: getattr(self, name)[which] for name in COLUMNS})


def _maybe(*kinds: type) -> Any:  # noqa: ANN401  an attrs validator
    return attrs.validators.optional(attrs.validators.instance_of(kinds))


def _texts(value: Iterable[object] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(map(str, value))


@attrs.frozen(kw_only=True)
class Origin:
    """What is known of a trace when its recording begins: its schema's metadata.

    Attributes:
        source: "record", or the format it was imported from.
        kernel, machine, cpu_model: of the recording host, None where the source does not say.
        page_size: bytes.
        init_on_alloc, init_on_free: in force on the recording kernel; None: not known.
        clock: the trace clock's name.
        command: what was recorded; None: the whole system, or not known.
        started: UTC, ISO 8601.
        lanes: "time": the events are in order of time; "cpu": each processor's are, batch by batch.
        clearfw: the version that wrote it.

    """

    source: str = attrs.field(validator=attrs.validators.instance_of(str))
    kernel: str | None = attrs.field(default=None, validator=_maybe(str))
    machine: str | None = attrs.field(default=None, validator=_maybe(str))
    cpu_model: str | None = attrs.field(default=None, validator=_maybe(str))
    page_size: int = attrs.field(default=4096, validator=attrs.validators.in_((4096, 16384, 65536)))
    init_on_alloc: bool | None = attrs.field(default=None, validator=_maybe(bool))
    init_on_free: bool | None = attrs.field(default=None, validator=_maybe(bool))
    clock: str | None = attrs.field(default=None, validator=_maybe(str))
    command: tuple[str, ...] | None = attrs.field(default=None, converter=_texts)
    started: str | None = attrs.field(default=None, validator=_maybe(str))
    lanes: str = attrs.field(default="time", validator=attrs.validators.in_(("time", "cpu")))
    clearfw: str | None = attrs.field(default=None, validator=_maybe(str))


@attrs.frozen(kw_only=True)
class Ending:
    """What is known when it ends.

    Attributes:
        lost: events that the kernel dropped; None: not known.
        user_s, system_s, elapsed_s: CPU and wall time of what was recorded.
        usage: where user_s and system_s are from, "cgroup", "rusage" or "/proc/stat".
        exit_status: of the command; negative: the signal that ended it.
        interrupted: whether the recording was ended before the command.
        bad_lines: of an imported text.
        other_events: of an imported text, events of other tracepoints.
        unknown_gfp: flags of the recording kernel that have no name here.

    """

    lost: int | None = attrs.field(default=None, validator=_maybe(int))
    user_s: float | None = attrs.field(default=None, validator=_maybe(int, float))
    system_s: float | None = attrs.field(default=None, validator=_maybe(int, float))
    elapsed_s: float | None = attrs.field(default=None, validator=_maybe(int, float))
    usage: str | None = attrs.field(default=None, validator=_maybe(str))
    exit_status: int | None = attrs.field(default=None, validator=_maybe(int))
    interrupted: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    bad_lines: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))
    other_events: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))
    unknown_gfp: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])


def pyarrow() -> types.ModuleType:
    """Return pyarrow, or raise MissingExtraError: it is an extra."""
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        msg = "traces need pyarrow, which is not installed: pip install 'clearfw[traces]'"
        raise MissingExtraError(msg) from error
    module: types.ModuleType = pa
    return module


def _schema(origin: Origin) -> pa.Schema:
    arrow = pyarrow()
    fields = [
        arrow.field(name, arrow.from_numpy_dtype(dtype), nullable=False) for name, dtype in COLUMNS.items()
    ]
    about = {"schema": SCHEMA, **attrs.asdict(origin)}
    schema: pa.Schema = arrow.schema(fields, metadata={_META: json.dumps(about).encode()})
    return schema


class TraceWriter:
    """A trace being written: append-only, each batch whole on its own.

    Use it as a context manager. What was written before a crash stays readable.
    """

    def __init__(self, path: Path | str, origin: Origin, *, compression: str | None = None) -> None:
        arrow = pyarrow()
        self._file = Path(path).open("wb")  # noqa: SIM115  the writer's, until close()
        self._schema = _schema(origin)
        options = arrow.ipc.IpcWriteOptions(compression=compression)
        self._stream = arrow.ipc.new_stream(self._file, self._schema, options=options)
        self.events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def write(self, events: Events) -> None:
        """Append a batch; with lanes "cpu", of one processor."""
        self._write(events, {})
        self.events += len(events)

    def end(self, ending: Ending) -> None:
        """Append what is known at the end: nothing follows."""
        self._write(Events.room(0), {_END: json.dumps(attrs.asdict(ending)).encode()})

    def close(self) -> None:
        """Close the file."""
        if not self._file.closed:
            self._stream.close()
            self._file.close()

    def _write(self, events: Events, metadata: dict[bytes, bytes]) -> None:
        arrow = pyarrow()
        columns = [arrow.array(getattr(events, name)) for name in COLUMNS]
        batch = arrow.RecordBatch.from_arrays(columns, schema=self._schema)
        self._stream.write_batch(batch, custom_metadata=metadata or None)
        self._file.flush()


@attrs.frozen(eq=False)
class Trace:
    """A trace that was read: its batches are views of the mapped file.

    Attributes:
        ending: None where the recording was cut off.
        truncated: whether the file ends within a batch, whose events are gone.

    """

    path: Path
    origin: Origin
    ending: Ending | None
    batches: tuple[Events, ...]
    truncated: bool

    @property
    def nevents(self) -> int:
        """Events in all."""
        return sum(map(len, self.batches))

    @property
    def exact(self) -> bool:
        """Whether it is known that no event is missing."""
        return self.ending is not None and self.ending.lost == 0 and not self.truncated


def read(path: Path | str) -> Trace:
    """Return the trace at PATH.

    Raises OSError, MissingExtraError, and TraceError for what is not a trace of this schema.
    """
    arrow = pyarrow()
    path = Path(path)
    if not path.stat().st_size:
        raise TraceError(_not_a_trace(path, "an empty file"))
    try:
        stream = arrow.ipc.open_stream(arrow.memory_map(str(path)))
    except (arrow.ArrowException, OSError) as error:
        raise TraceError(_not_a_trace(path, "no Arrow stream")) from error
    origin = _origin(path, stream.schema)
    batches: list[Events] = []
    ending = None
    truncated = False
    while True:
        try:
            batch, metadata = stream.read_next_batch_with_custom_metadata()
            batch.validate(full=True)
        except StopIteration:
            break
        except (arrow.ArrowException, OSError, EOFError):
            truncated = True
            break
        if metadata is not None and _END in metadata:
            ending = _record(path, Ending, metadata[_END])
        if batch.num_rows:
            batches.append(_events(path, batch))
    return Trace(path, origin, ending, tuple(batches), truncated)


def _not_a_trace(path: Path, found: str) -> str:
    return f"{path} is no trace: {found}: make one with clearfw record, or clearfw import"


def _origin(path: Path, schema: pa.Schema) -> Origin:
    arrow = pyarrow()
    about = (schema.metadata or {}).get(_META)
    if about is None:
        raise TraceError(_not_a_trace(path, "an Arrow stream of something else"))
    origin = _record(path, Origin, about)
    wanted = [(name, arrow.from_numpy_dtype(dtype)) for name, dtype in COLUMNS.items()]
    if [(field.name, field.type) for field in schema] != wanted:
        msg = f"{path} says it is a {SCHEMA}, and has other columns: it is damaged, record it again"
        raise TraceError(msg)
    return origin


def _record(path: Path, kind: Callable[..., _T], text: bytes) -> _T:
    """Return the Origin or Ending that JSON TEXT holds."""
    try:
        about = json.loads(text)
        found = about.pop("schema", SCHEMA)
        if found == SCHEMA:
            return kind(**about)
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} has metadata that cannot be read ({error}): it is damaged, record it again"
        raise TraceError(msg) from error
    msg = f"{path} is a trace of schema {found!r}, this clearfw reads {SCHEMA}: use the clearfw that wrote it"
    raise TraceError(msg)


def _events(path: Path, batch: pa.RecordBatch) -> Events:
    if any(column.null_count for column in batch.columns):
        msg = f"{path} has events without a value: it is damaged, record it again"
        raise TraceError(msg)
    return Events(**{name: batch.column(name).to_numpy(zero_copy_only=True) for name in COLUMNS})
