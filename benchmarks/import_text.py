"""Import: the time of a line of ftrace's text in C, and in Python by str.split and a regular expression."""

from __future__ import annotations

import functools
import lzma
import re
import time
from pathlib import Path

from .common import clock, ratio, skipping

# 178,100 lines that Linux 7.3 printed: 135 bytes each.
TEXT = Path(__file__).parent.parent / "tests" / "data" / "kernel-7.3-smp2-storm" / "trace.txt.xz"
# Of these, for what is slow.
SOME = 20_000
EVENT = re.compile(
    r"-(\d+) +\[(\d+)\] \S+ +(\d+)\.(\d+): (mm_page_\w+): page=\S+ pfn=(\w+) order=(\d+)"
    r"(?: migratetype=(\d+) gfp_flags=(\S+))?"
)


@functools.cache
def _text() -> bytes:
    return lzma.decompress(TEXT.read_bytes())


@functools.cache
def _some() -> list[str]:
    return _text().decode().splitlines()[12 : 12 + SOME]


def in_c(_turn: int = 0) -> float:
    """Return the nanoseconds of a line: the core's parser, into columns."""
    from clearfw import _core
    from clearfw.traces import BATCH, Events

    text, events, parser = memoryview(_text()), Events.room(), _core.TraceText()
    filled = 0
    start = time.perf_counter_ns()
    while text:
        nread, filled = parser.feed(text, events, filled)
        text = text[nread:]
        filled %= BATCH
    return (time.perf_counter_ns() - start) / parser.lines["all"]


def by_split(_turn: int = 0) -> float:
    """Return the nanoseconds of a line: words, and numbers out of some of them."""
    start = time.perf_counter_ns()
    for line in _some():
        head, _, tail = line.partition(": mm_page_")
        *_, task, cpu, _, at = head.rsplit(None, 4)
        fields = dict(word.split("=", 1) for word in tail.split()[1:])
        int(task.rpartition("-")[2]), int(cpu[1:-1]), float(at), int(fields["pfn"], 16), int(fields["order"])
    return (time.perf_counter_ns() - start) / SOME


def by_regex(_turn: int = 0) -> float:
    """Return the nanoseconds of a line: one search, and numbers out of its groups."""
    start = time.perf_counter_ns()
    for line in _some():
        found = EVENT.search(line)
        if found:
            pid, cpu, seconds, us, _, pfn, order, _, _ = found.groups()
            int(pid), int(cpu), int(seconds), int(us), int(pfn, 16), int(order)
    return (time.perf_counter_ns() - start) / SOME


class Line:
    """A line of real text; the bar is 143 ns, which is 7 million lines a second."""

    version = "1"
    timer = clock

    def setup(self) -> None:
        """Have the text in memory."""
        with skipping():
            in_c()
        _some()

    def time_c(self) -> None:
        """The core's parser."""
        clock.add(in_c())

    def time_split(self) -> None:
        """A yardstick."""
        clock.add(by_split())

    def time_regex(self) -> None:
        """Another."""
        clock.add(by_regex())


class ToSplit:
    """The core's parser over str.split, in interleaved rounds."""

    version = "1"
    unit = "time / str.split's"

    def setup(self) -> None:
        """Have the text in memory."""
        with skipping():
            in_c()
        _some()

    def track_c(self) -> float:
        """Lower is better."""
        return ratio(in_c, by_split)
