"""Traces: how fast a kernel's ring-buffer pages become columns of events."""

from __future__ import annotations

import functools
import lzma
import time
from pathlib import Path
from typing import Any

from .common import clock, module, skipping

STORM = Path(__file__).parent.parent / "tests" / "data" / "kernel-7.3-smp2-storm"
# So that what is decoded comes from memory, and not from a cache.
COPIES = 20


@functools.cache
def _decoder() -> tuple[Any, Any, bytes]:
    """Return the decoder of a real recording's pages, a lane for it, and the pages, many times over."""
    event_format = module("traces.event_format", "event_format")
    ring_buffer = module("traces.ring_buffer", "ftrace")

    paths = {kind: STORM / f"{name}.format" for kind, name in event_format.EVENTS.items()}
    decoder = ring_buffer.Decoder((STORM / "header_page").read_text(), ring_buffer.read_formats(paths))
    pages = lzma.decompress((STORM / "cpu0.raw.xz").read_bytes())
    return decoder._core, ring_buffer.Lane(0), pages * COPIES  # noqa: SLF001  without the writing


def _decode() -> tuple[int, float]:
    """Decode all pages into the same columns again and again, as a recorder does: events, seconds."""
    core, lane, pages = _decoder()
    start, events = 0, 0
    began = time.perf_counter()
    while start < len(pages):
        start, nr = core.decode(pages, start, lane.cpu, lane.events, 0)
        events += nr
    return events, time.perf_counter() - began


class RawDecoding:
    """Pages of Linux 7.3 with three kinds of events in them, dense: 34 bytes an event."""

    version = "1"
    timer = clock

    def setup(self) -> None:
        """Unpack the pages once a process."""
        with skipping():
            _decode()

    def time_event(self) -> None:
        """Report the time of one event: the bar is 12.5 ns, 80 million a second."""
        events, seconds = _decode()
        clock.add(seconds * 1e9, events)


class RawDecodingRate:
    """The same, as people compare it."""

    version = "1"
    unit = "M events/s"

    def setup(self) -> None:
        """Unpack the pages once a process."""
        with skipping():
            _decode()

    def track_rate(self) -> float:
        """Return the best of 15 rounds: the bar is 80."""
        rounds = [_decode() for _ in range(15)]
        return max(events / seconds for events, seconds in rounds) / 1e6
