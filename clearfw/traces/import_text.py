"""Page events as text, from ftrace, trace-cmd report or perf script, read into a trace."""

from __future__ import annotations

import functools
import operator
import signal
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from clearfw._core import TraceText
from clearfw.errors import GfpError, TraceError
from clearfw.gfp import Gfp
from clearfw.traces import file
from clearfw.traces.file import BATCH, COLUMNS, NO_PFN, Ending, Events, Kind, Origin, TraceWriter
from clearfw.traces.text_input import WANTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clearfw.traces.text_input import Text

_CHUNK = 1 << 20
# After this many bytes without an event the input is refused, because it may be endless.
_LONGEST_PROLOGUE = 64 << 20
# The text of perf reports lost events only with --show-lost-events.
_SILENT_ON_LOSS = "perf script"


@attrs.frozen
class BadLine:
    """A line that was not understood: what should have stood at a column, both from 1, and what did."""

    line: int
    column: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: expected {self.expected}, found {self.found!r}"


@attrs.frozen(kw_only=True)
class Import:
    """Summary of an imported text.

    Attributes:
        form: what printed it.
        events: how many of each kind.
        failed: of the allocations.
        lines: by what they are: all, comments, other_events, losses, bad.
        bad: the first bad lines.
        lost: events that it says were lost; None: such a text does not say.
        backwards: events with an earlier time than the one before: then the trace was sorted.
        unknown_gfp: flags that have no name here, and are left out.
        interrupted: whether there may be more.

    """

    form: str
    events: dict[str, int]
    failed: int
    lines: dict[str, int]
    bad: tuple[BadLine, ...]
    lost: int | None
    backwards: int
    unknown_gfp: tuple[str, ...]
    interrupted: bool


class _Interrupt:
    """Ctrl-C, which ends a read at once and waits for anything else to be whole."""

    def __init__(self) -> None:
        self.came = False
        self._reading = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._former)

    def _note(self, *_: object) -> None:
        self.came = True
        if self._reading:
            raise KeyboardInterrupt

    def readinto(self, text: Text, buffer: bytearray) -> int:
        """Return how many bytes were read: none at the end, or once Ctrl-C came."""
        self._reading = True
        try:
            return 0 if self.came else text.readinto(buffer)
        except KeyboardInterrupt:
            return 0
        finally:
            self._reading = False


class _GfpTable:
    """From what a text says of gfp flags to their bits; what has no name is noted and left out."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self._bits: list[int] = []

    def bits(self, texts: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        """Return the bits of each of TEXTS, which only grows from call to call."""
        self._bits += map(self._parse, texts[len(self._bits) :])
        return np.array(self._bits, np.uint32)

    def _parse(self, text: bytes) -> int:
        flags = text.decode(errors="backslashreplace").split("|")
        return functools.reduce(operator.or_, map(self._flag, flags))

    def _flag(self, flag: str) -> Gfp:
        try:
            return Gfp.parse(flag)
        except GfpError:
            self.unknown.add(flag if flag.isprintable() else repr(flag))
            return Gfp(0)


class _Writing:
    """A trace being written from text. Its file is made with the first batch: not for what has no event."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.text = TraceText()
        self._path = path
        self._about = about
        self._events = Events.room()
        self._filled = 0
        self._gfp = _GfpTable()
        self._writer: TraceWriter | None = None
        self._kinds = np.zeros(len(Kind), np.int64)
        self._failed = 0

    def feed(self, chunk: memoryview) -> None:
        """Take CHUNK in."""
        while chunk:
            nread, self._filled = self.text.feed(chunk, self._events, self._filled)
            chunk = chunk[nread:]
            if self._filled == len(self._events):
                self.flush()

    def feed_end(self) -> None:
        """Take the last line in, where no newline ends it."""
        self._filled = self.text.end(self._events, self._filled)

    def flush(self) -> None:
        """Write what there is."""
        events = self._events[: self._filled]
        self._filled = 0
        if not len(events):
            return
        events.gfp[:] = self._gfp.bits(self.text.gfp_flags)[events.gfp]
        self._kinds += np.bincount(events.kind, minlength=len(Kind))
        self._failed += int(np.count_nonzero(events.pfn == NO_PFN))
        if self._writer is None:
            origin = Origin(source=str(self.text.form), clearfw=version("clearfw"), **self._about)
            self._writer = TraceWriter(self._path, origin)
        self._writer.write(events)

    def end(self, *, interrupted: bool) -> Import:
        """Write the last events in order of time, and the metadata of the end."""
        self.flush()
        found = self._found(interrupted=interrupted)
        # Without an ending the trace is one that was cut off, until it is in order.
        if self._writer is not None and not found.backwards:
            self._writer.end(_ending(found))
        if self._writer is not None:
            self._writer.close()
        if found.backwards:
            _sort(self._path, _ending(found))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # An old trace is replaced, unless the new one could not be written.
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)

    def refusal(self) -> str:
        """Return what there is in place of events."""
        lines = self.text.lines
        if self.text.bad:
            return str(_bad(self.text)[0])
        if lines["other_events"]:
            return f"{lines['other_events']} other events, and none of these"
        return "nothing but comments" if lines["all"] else "an empty file"

    def _found(self, *, interrupted: bool) -> Import:
        form = str(self.text.form)
        knows = self.text.lost or form != _SILENT_ON_LOSS
        return Import(
            form=form,
            events={kind.name.lower(): int(self._kinds[kind]) for kind in Kind},
            failed=self._failed,
            lines=self.text.lines,
            bad=_bad(self.text),
            lost=self.text.lost if knows else None,
            backwards=self.text.backwards,
            unknown_gfp=tuple(sorted(self._gfp.unknown)),
            interrupted=interrupted,
        )


def _bad(text: TraceText) -> tuple[BadLine, ...]:
    return tuple(
        BadLine(line, column, expected, found.decode(errors="replace"))
        for line, column, expected, found in text.bad
    )


def _ending(found: Import) -> Ending:
    return Ending(
        lost=found.lost,
        interrupted=found.interrupted,
        bad_lines=found.lines["bad"],
        other_events=found.lines["other_events"],
        unknown_gfp=found.unknown_gfp,
    )


def import_text(
    text: Text, path: Path, about: Mapping[str, Any], progress: Callable[[int], None] = lambda _: None
) -> Import:
    """Write the events of TEXT to a trace at PATH, and return a summary of the text.

    ABOUT is what the text does not say of its kernel: page_size, init_on_alloc, init_on_free of the Origin.
    PROGRESS is called now and then with the bytes read. Memory is constant, unless time goes backwards: then
    the trace is sorted, in 20 bytes an event. Ctrl-C ends it: the trace has what came before.

    Raises OSError, MissingExtraError; KeyboardInterrupt before the first event; and TraceError where there is
    none, or where the text is damaged: then the trace has what came before.
    """
    if path.exists() and text.is_at(path):
        msg = f"{path} is the input file: name another file for the trace"
        raise TraceError(msg)
    file.pyarrow()
    writing = _Writing(path, about)
    with writing, _Interrupt() as interrupt:
        _feed(writing, text, interrupt, progress)
        if writing.text.form is None:
            if interrupt.came:
                raise KeyboardInterrupt
            msg = f"{text.name} has no page event, but {writing.refusal()}: give {WANTED}"
            raise TraceError(msg)
        return writing.end(interrupted=interrupt.came)


def _feed(writing: _Writing, text: Text, interrupt: _Interrupt, progress: Callable[[int], None]) -> None:
    buffer = bytearray(_CHUNK)
    nbytes = 0
    try:
        while nread := interrupt.readinto(text, buffer):
            writing.feed(memoryview(buffer)[:nread])
            progress(text.position)
            nbytes += nread
            if nbytes > _LONGEST_PROLOGUE and not (writing.text.form or writing.text.lines["other_events"]):
                return
    except TraceError as error:
        writing.flush()
        if writing.text.form is None:
            raise
        msg = f"{error}; the events before that are in the trace"
        raise TraceError(msg) from error
    if not interrupt.came:
        writing.feed_end()


def _sort(path: Path, ending: Ending) -> None:
    """Write the trace at PATH again in order of time, equal times as they were, with its ENDING."""
    trace = file.read(path)
    order = np.argsort(np.concatenate([events.ts for events in trace.batches]), kind="stable")
    with TraceWriter(path, trace.origin, whole=True) as writer:
        for start in range(0, len(order), BATCH):
            writer.write(_gathered(trace.batches, order[start : start + BATCH]))
        writer.end(ending)


def _gathered(batches: Sequence[Events], places: np.ndarray[Any, np.dtype[np.intp]]) -> Events:
    """Return the events at PLACES, counted over all BATCHES, of which all but the last are full."""
    gathered = Events.room(len(places))
    which, rows = np.divmod(places, BATCH)
    for one in np.unique(which):
        here = which == one
        for name in COLUMNS:
            getattr(gathered, name)[here] = getattr(batches[one], name)[rows[here]]
    return gathered
