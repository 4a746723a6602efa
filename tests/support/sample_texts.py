"""What the tests of page events as text share: lines, the real texts with what is in them, and parsing."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import TypeAlias

import attrs

from clearfw import _core
from clearfw.traces.file import COLUMNS, Events, Kind

DATA = Path(__file__).parents[1] / "data"

FLAGS = "GFP_KERNEL|__GFP_ZERO"
ALLOC = f"mm_page_alloc: page=00000000b01e805e pfn=0x1009f8 order=2 migratetype=0 gfp_flags={FLAGS}"
FREE = "mm_page_free: page=00000000911d8796 pfn=0x10101b order=1"
HEAD = "              sh-61      [001] .....     6.139211: "

# An event: ts, pfn, gfp, pid, cpu, migratetype, order, kind.
Row: TypeAlias = "tuple[int, int, str, int, int, int, int, Kind]"
ALLOCATED: Row = (6139211000, 0x1009F8, FLAGS, 61, 1, 0, 2, Kind.ALLOC)
FREED: Row = (6139211000, 0x10101B, "none", 61, 1, -1, 1, Kind.FREE)


@attrs.frozen
class Parsed:
    """What came of a text."""

    rows: list[Row]
    lines: dict[str, int]
    lost: int
    backwards: int
    form: str | None
    bad: list[tuple[int, int, str, bytes]]


def rows(events: Events, gfp_flags: list[bytes]) -> list[Row]:
    """Return EVENTS line by line, with their gfp flags as text."""
    columns = {name: getattr(events, name).tolist() for name in COLUMNS}
    columns["gfp"] = [gfp_flags[index].decode(errors="replace") for index in columns["gfp"]]
    columns["kind"] = list(map(Kind, columns["kind"]))
    return list(zip(*columns.values(), strict=True))


def parse(text: bytes, cuts: tuple[int, ...] = (), room: int = 50) -> Parsed:
    """Parse TEXT, fed in pieces that end at CUTS, with ROOM for so many events at a time."""
    parser = _core.TraceText()
    events, filled, found = Events.room(room), 0, []
    ends = [*sorted(cuts), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        piece = text[start:end]
        while piece:
            nread, filled = parser.feed(piece, events, filled)
            piece = piece[nread:]
            if filled == room:
                found += rows(events, parser.gfp_flags)
                filled = 0
    filled = parser.end(events, filled)
    found += rows(events[:filled], parser.gfp_flags)
    return Parsed(found, parser.lines, parser.lost, parser.backwards, parser.form, parser.bad)


def all_accounted(parsed: Parsed) -> bool:
    """Return whether each line is one of event, other event, comment, loss and bad line."""
    return parsed.lines["all"] == len(parsed.rows) + sum(
        parsed.lines[what] for what in ("comments", "other_events", "losses", "bad")
    )


def one(line: str | bytes) -> Row:
    """Return the event of a text of one line, in which there is nothing else."""
    parsed = parse(line.encode() if isinstance(line, str) else line)

    assert (len(parsed.rows), parsed.lines["all"], parsed.lines["bad"]) == (1, 1, 0), parsed
    return parsed.rows[0]


def real(name: str) -> bytes:
    """Return the text of one of the traces that come with the tests."""
    path = DATA / name
    return lzma.open(path).read() if path.suffix == ".xz" else path.read_bytes()


COUNTS = {
    "kernel-7.3-smp2-storm/trace.txt.xz": ("ftrace", 74_561, 77_337, 26_190),
    "kernel-7.3-smp2-thp/trace.txt.xz": ("ftrace", 4_167, 4_194, 2_083),
    "kernel-6.18/trace-stack.txt": ("ftrace", 8, 0, 0),
    "kernel-6.18/trace-latency.txt": ("ftrace", 5, 0, 0),
    "kernel-6.18/trace-no-irq-info.txt": ("ftrace", 4, 0, 0),
    "kernel-6.18/trace-tgid-overwritten.txt": ("ftrace", 48, 0, 0),
    "kernel-6.18/trace_pipe-lost.txt": ("ftrace", 44, 10, 31),
    "kernel-6.18/trace-cmd-report.txt": ("trace-cmd report", 62, 10, 7),
    "kernel-6.18/trace-cmd-report-dropped.txt": ("trace-cmd report", 65, 20, 8),
    "kernel-6.18/trace-cmd-report-latency.txt": ("trace-cmd report", 46, 2, 1),
    "kernel-6.18/trace-cmd-report-raw.txt": ("trace-cmd report", 46, 2, 1),
    "kernel-6.18/perf-script-callchain.txt": ("perf script", 6, 0, 0),
    "kernel-6.18/perf-script-lost.txt": ("perf script", 20, 20, 0),
    "kernel-6.18/perf-script-pid-tid.txt": ("perf script", 15, 27, 18),
}
LOST = {
    "kernel-6.18/trace-stack.txt": 32_282 - 24_801,
    "kernel-6.18/trace-latency.txt": 32_282 - 24_801,
    "kernel-6.18/trace-no-irq-info.txt": 32_282 - 24_801,
    "kernel-6.18/trace-tgid-overwritten.txt": 29_137 - 693,
    "kernel-6.18/trace_pipe-lost.txt": 167 + 1188,
    "kernel-6.18/trace-cmd-report-dropped.txt": 12_856 + 1,
    "kernel-6.18/perf-script-lost.txt": 15,
}
