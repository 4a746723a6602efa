"""Traces: a kernel's page allocations and frees in an Arrow IPC file, with metadata."""

from __future__ import annotations

import enum
import json
import os
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
import numpy as np

from clearfw import host
from clearfw.errors import MemoryLimitError, MissingExtraError, TraceError, to_install
from clearfw.files import NewFile, open_input
from clearfw.traces.arrow import unpacked_bytes

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa

_T = TypeVar("_T")

SCHEMA = "clearfw.trace/1"
NO_PFN = 2**64 - 1  # csrc/trace/trace_event.h: TRACE_NO_PFN
_META = b"clearfw"
_END = b"clearfw.end"
# The columns, in the order of csrc/trace/trace_event.h. No event takes more than 29 bytes.
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
    """The tracepoint of an event: csrc/trace/trace_event.h, enum trace_kind."""

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


def _amount(*kinds: type) -> Any:  # noqa: ANN401  likewise
    within = attrs.validators.ge(0), attrs.validators.lt(2**64)
    return attrs.validators.optional(attrs.validators.and_(attrs.validators.instance_of(kinds), *within))


def _texts(value: Iterable[object] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(map(str, value))


@attrs.frozen(kw_only=True)
class Origin:
    """Metadata that is known when a recording begins; it is in the schema's metadata.

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
    page_size: int = attrs.field(
        default=4096,
        validator=[attrs.validators.instance_of(int), attrs.validators.in_((4096, 16384, 65536))],
    )
    init_on_alloc: bool | None = attrs.field(default=None, validator=_maybe(bool))
    init_on_free: bool | None = attrs.field(default=None, validator=_maybe(bool))
    clock: str | None = attrs.field(default=None, validator=_maybe(str))
    command: tuple[str, ...] | None = attrs.field(default=None, converter=_texts)
    started: str | None = attrs.field(default=None, validator=_maybe(str))
    lanes: str = attrs.field(default="time", validator=attrs.validators.in_(("time", "cpu")))
    clearfw: str | None = attrs.field(default=None, validator=_maybe(str))


@attrs.frozen(kw_only=True)
class Ending:
    """Metadata that is known when a recording ends.

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

    lost: int | None = attrs.field(default=None, validator=_amount(int))
    user_s: float | None = attrs.field(default=None, validator=_amount(int, float))
    system_s: float | None = attrs.field(default=None, validator=_amount(int, float))
    elapsed_s: float | None = attrs.field(default=None, validator=_amount(int, float))
    usage: str | None = attrs.field(default=None, validator=_maybe(str))
    exit_status: int | None = attrs.field(default=None, validator=_maybe(int))
    interrupted: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    bad_lines: int = attrs.field(default=0, validator=[attrs.validators.instance_of(int), _amount(int)])
    other_events: int = attrs.field(default=0, validator=[attrs.validators.instance_of(int), _amount(int)])
    unknown_gfp: tuple[str, ...] = attrs.field(default=(), converter=_texts)


def pyarrow() -> types.ModuleType:
    """Return pyarrow, or raise MissingExtraError: it is an extra."""
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        msg = f"traces need pyarrow, which is not installed: {to_install('pyarrow')}"
        raise MissingExtraError(msg) from error
    module: types.ModuleType = pa
    return module


def schema(origin: Origin, ending: Ending | None = None) -> pa.Schema:
    """Return the Arrow schema of the columns, with the trace's metadata."""
    arrow = pyarrow()
    fields = [
        arrow.field(name, arrow.from_numpy_dtype(dtype), nullable=False) for name, dtype in COLUMNS.items()
    ]
    metadata = {_META: json.dumps({"schema": SCHEMA, **attrs.asdict(origin)}).encode()}
    if ending is not None:
        metadata[_END] = _ending(ending)
    found: pa.Schema = arrow.schema(fields, metadata=metadata)
    return found


def record_batch(events: Events, columns: pa.Schema) -> pa.RecordBatch:
    """Return EVENTS as Arrow has them."""
    arrow = pyarrow()
    arrays = [arrow.array(getattr(events, name)) for name in COLUMNS]
    return arrow.RecordBatch.from_arrays(arrays, schema=columns)


def _ending(ending: Ending) -> bytes:
    return json.dumps(attrs.asdict(ending)).encode()


class TraceWriter:
    """A trace being written: append-only, each batch whole on its own.

    Use it as a context manager. A new trace is written in place, so that a crash leaves what was written
    readable; an old one is replaced at the end, and stays as it was where the disk is full. WHOLE: after any
    exception there is no new trace.
    """

    def __init__(
        self, path: Path | str, origin: Origin, *, compression: str | None = None, whole: bool = False
    ) -> None:
        arrow = pyarrow()
        options = arrow.ipc.IpcWriteOptions(compression=compression)
        self._schema = schema(origin)
        self._whole = whole
        self._new = NewFile(path, in_place=not whole)
        self._file = self._new.file
        try:
            self._stream = arrow.ipc.new_stream(self._file, self._schema, options=options)
        except BaseException:
            self._new.drop()
            raise
        self.events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None or not (self._whole or isinstance(error, OSError)):
            self.close()
            return
        # Closing the stream would write its end.
        self._new.drop()
        if isinstance(error, OSError):
            raise self._new.blamed(error) from error

    def write(self, events: Events) -> None:
        """Append a batch; with lanes "cpu", of one processor."""
        self._write(events, {})
        self.events += len(events)

    def end(self, ending: Ending) -> None:
        """Append the metadata of the end; nothing follows it."""
        self._write(Events.room(0), {_END: _ending(ending)})

    def close(self) -> None:
        """Close the file, and put it in its place. Raises OSError."""
        if self._file.closed:
            return
        try:
            self._stream.close()
            self._new.keep()
        except OSError as error:
            self._new.drop()
            raise self._new.blamed(error) from error

    def _write(self, events: Events, metadata: dict[bytes, bytes]) -> None:
        self._stream.write_batch(record_batch(events, self._schema), custom_metadata=metadata or None)
        self._file.flush()


@attrs.frozen(eq=False)
class Trace:
    """A trace that was read: its batches are views of one copy of the file, unless they were compressed.

    Attributes:
        ending: None where the recording was cut off, or still goes on.
        truncated: whether the file ends, or is damaged, within a batch: it and what follows are gone.

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
    source = arrow.BufferReader(_copied(path))
    try:
        stream = arrow.ipc.open_stream(source)
    except (arrow.ArrowException, OSError) as error:
        raise TraceError(_not_a_trace(path, "no Arrow stream")) from error
    origin = _origin(path, stream.schema)
    begin = source.tell()
    source.seek(0)
    sound, truncated = _vet(path, source)
    source.seek(begin)
    return _gather(path, origin, stream, sound, truncated=truncated)


def _copied(path: Path) -> pa.Buffer:
    """Return a copy of the file: a mapped one that another program truncates is a SIGBUS."""
    if path.is_dir():
        raise TraceError(_not_a_trace(path, "a directory"))
    with open_input(path) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise TraceError(_not_a_trace(path, "a pipe"))
        if not about.st_size:
            raise TraceError(_not_a_trace(path, "an empty file"))
        if about.st_size > (room := host.available_memory()):
            msg = f"{path} has {about.st_size >> 20}M, the host has {room >> 20}M: read it elsewhere"
            raise TraceError(msg)
        try:
            whole = pyarrow().allocate_buffer(about.st_size)
        except MemoryError as error:
            msg = f"{path} has {about.st_size >> 20}M, and the host gives no memory for it: raise RLIMIT_AS"
            raise MemoryLimitError(msg) from error
        nread = file.readinto(memoryview(whole))  # type: ignore[attr-defined]  # BinaryIO lacks it
        return whole.slice(0, nread)


def _vet(path: Path, source: pa.BufferReader) -> tuple[int, bool]:
    """Return how many messages are sound, and whether one is not.

    Raises TraceError where they do not fit the host's memory once unpacked: a few bytes can claim a lot.
    """
    unpacked = sound = 0
    messages = iter(pyarrow().ipc.MessageReader.open_stream(source))
    while True:
        try:
            unpacked += unpacked_bytes(next(messages))
        except StopIteration:
            return sound, False
        except _damage():
            return sound, True
        if unpacked and unpacked > (room := host.available_memory()):
            found = f"unpacks to {unpacked >> 20}M or more, the host has {room >> 20}M available"
            msg = f"{path} {found}: read it where there is more"
            raise TraceError(msg)
        sound += 1


def _damage() -> tuple[type[Exception], ...]:
    """Return what a message raises that ends early, or that is damaged."""
    arrow = pyarrow()
    return arrow.ArrowException, OSError, EOFError, struct.error, ValueError


def _gather(
    path: Path, origin: Origin, stream: pa.RecordBatchStreamReader, sound: int, *, truncated: bool
) -> Trace:
    batches: list[Events] = []
    ending = None
    damage: tuple[type[Exception], ...] = (StopIteration, *_damage())
    for _ in range(1, sound):  # the first is the schema
        try:
            batch, metadata = stream.read_next_batch_with_custom_metadata()
            batch.validate(full=True)
        except damage:
            truncated = True
            break
        if metadata is not None and _END in metadata:
            ending = _record(path, Ending, _json(path, metadata[_END]))
        if batch.num_rows:
            batches.append(_events(path, batch, origin))
    return Trace(path, origin, ending, tuple(batches), truncated)


def _not_a_trace(path: Path, found: str) -> str:
    return f"{path} is not a trace: {found}: make one with clearfw record, or clearfw import"


def _damaged(path: Path, found: str) -> TraceError:
    return TraceError(f"{path} {found}: it is damaged, record it again")


def _origin(path: Path, found: pa.Schema) -> Origin:
    text = (found.metadata or {}).get(_META)
    if text is None:
        raise TraceError(_not_a_trace(path, "an Arrow stream of something else"))
    about = _json(path, text)
    named = about.pop("schema", None)
    if named != SCHEMA:
        name = repr(named)[:40] if isinstance(named, str) else "without a name"
        msg = f"{path} is a trace of schema {name}, not {SCHEMA}: use the clearfw that wrote it"
        raise TraceError(msg)
    origin = _record(path, Origin, about)
    if _columns(found) != _columns(schema(origin)):
        raise _damaged(path, f"claims to be a {SCHEMA}, but has other columns")
    return origin


def _columns(found: pa.Schema) -> list[tuple[str, pa.DataType]] | None:
    try:
        return [(field.name, field.type) for field in found]
    except UnicodeDecodeError:  # in the name of a damaged one
        return None


def _json(path: Path, text: bytes) -> dict[str, Any]:
    """Return the JSON object that TEXT holds."""
    try:
        about = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise _damaged(path, "has metadata that is not JSON") from error
    if not isinstance(about, dict):
        raise _damaged(path, "has metadata that is not a JSON object")
    return about


def _record(path: Path, kind: Callable[..., _T], about: dict[str, Any]) -> _T:
    """Return the Origin or Ending that metadata tell of."""
    try:
        return kind(**about)
    except (RecursionError, TypeError, ValueError) as error:
        # attrs says it first, and the rest of what it knows after.
        said = ascii(str(error.args[0]))[1:-1]
        raise _damaged(path, f"has metadata out of range ({said:.120})") from error


def _events(path: Path, batch: pa.RecordBatch, origin: Origin) -> Events:
    if any(column.null_count for column in batch.columns):
        raise _damaged(path, "has events without a value")
    # A damaged file can put a column anywhere; the core reads aligned ones.
    columns = {name: batch.column(name).to_numpy(zero_copy_only=True) for name in COLUMNS}
    events = Events(**{name: np.require(column, requirements="A") for name, column in columns.items()})
    if events.kind.max() > max(Kind):
        raise _damaged(path, f"has events of kind {events.kind.max()}")
    if origin.lanes == "cpu" and events.cpu.min() != events.cpu.max():
        raise _damaged(path, "has several processors in a batch of one")
    return events
