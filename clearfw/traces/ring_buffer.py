"""ftrace: a kernel's ring-buffer pages, decoded in C by its own format files, into a trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import numpy as np

from clearfw._core import RingBufferDecoder
from clearfw.errors import TraceError
from clearfw.files import read_input
from clearfw.traces import event_format
from clearfw.traces.file import BATCH, Events, Kind, TraceWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Of a format file, or of stats.txt.
_MOST_TEXT = 1 << 20
_CLOCK = re.compile(r"\[(\S+)\]")
# Lines of per_cpu/cpuN/stats that count events which no reader gets.
_LOSSES = re.compile(r"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)


@attrs.define
class Lane:
    """One processor's events that are not written yet.

    Attributes:
        cpu: its number.
        events: columns, which are touched, so that filling them allocates nothing.
        nr: how many are filled.

    """

    cpu: int
    events: Events = attrs.field(factory=Events.room)
    nr: int = 0

    def __attrs_post_init__(self) -> None:
        for column in attrs.astuple(self.events, recurse=False):
            column.fill(0)


class Decoder:
    """One kernel's sub-buffers into lanes, and lanes into a trace; raises TraceError for unknown formats."""

    def __init__(self, header_page: str, formats: Mapping[Kind, event_format.Format]) -> None:
        self._layout = event_format.layout(header_page, formats)
        alloc = formats.get(Kind.ALLOC)
        self._gfp = event_format.GfpMap({}, {}) if alloc is None else event_format.gfp_map(alloc)
        try:
            self._core = RingBufferDecoder(self._layout)
        except (OverflowError, ValueError) as error:
            msg = f"the format files are not valid: {error}: copy them unchanged"
            raise TraceError(msg) from error
        self._table = np.zeros(0, np.uint32)
        self._strange: set[str] = set()
        self._drained = 0

    @property
    def page_nbytes(self) -> int:
        """The bytes of a sub-buffer."""
        return self._layout.nbytes

    @property
    def events(self) -> int:
        """The events written so far."""
        return self._drained

    @property
    def counts(self) -> dict[str, int]:
        """The sub-buffers so far, and what in them is no event of a trace: struct rb_counts."""
        return self._core.counts

    @property
    def unknown_gfp(self) -> tuple[str, ...]:
        """The flags so far that have no name here."""
        return tuple(sorted(self._strange))

    def drain(self, fd: int, lane: Lane, writer: TraceWriter) -> None:
        """Read all that FD has to give now; full lanes go to WRITER."""
        full = True
        while full:
            lane.nr, full = self._core.drain(fd, lane.cpu, lane.events, lane.nr)
            if full:
                self.flush(lane, writer)

    def decode(self, pages: bytes, lane: Lane, writer: TraceWriter) -> None:
        """Decode whole sub-buffers; full lanes go to WRITER."""
        start = 0
        while len(pages) - start >= self.page_nbytes:
            start, lane.nr = self._core.decode(pages, start, lane.cpu, lane.events, lane.nr)
            if BATCH - lane.nr < self._core.most_events:
                self.flush(lane, writer)

    def flush(self, lane: Lane, writer: TraceWriter) -> None:
        """Write what LANE holds as one batch."""
        if not lane.nr:
            return
        self._learn()
        gfp = lane.events.gfp[: lane.nr]
        if len(self._table):
            # Of other events than allocations the index is 0, and no flags.
            allocs = lane.events.kind[: lane.nr] == Kind.ALLOC
            gfp[:] = np.where(allocs, self._table[gfp], 0)
        writer.write(lane.events[: lane.nr])
        self._drained += lane.nr
        lane.nr = 0

    def _learn(self) -> None:
        """Translate the gfp_flags that are new."""
        flags = self._core.gfp_flags
        if len(flags) == len(self._table):
            return
        translated = [self._gfp.translate(one) for one in flags]
        self._strange.update(*(strange for _, strange in translated))
        self._table = np.array([bits for bits, _ in translated], np.uint32)


def read_formats(paths: Mapping[Kind, Path]) -> dict[Kind, event_format.Format]:
    """Return the formats of those files that exist."""
    return {kind: event_format.parse(_text(path), path.name) for kind, path in paths.items() if path.exists()}


def losses(stats: str) -> int:
    """Return the events that the kernel dropped, of one or several processors' stats."""
    return sum(map(int, _LOSSES.findall(stats)))


def clock_in_use(text: str) -> str | None:
    """Return the clock that the file trace_clock has in brackets."""
    found = _CLOCK.search(text)
    return found and found[1]


def _text(path: Path) -> str:
    return read_input(path, _MOST_TEXT).decode(errors="replace")
