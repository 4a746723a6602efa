"""Page events from text: every quirk of the tools that print them, and whatever else a line may hold."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_texts import (
    ALLOC,
    ALLOCATED,
    COUNTS,
    DATA,
    FLAGS,
    FREE,
    FREED,
    HEAD,
    LOST,
    Row,
    all_accounted,
    one,
    parse,
    real,
)

from clearfw import _core
from clearfw.gfp import Gfp
from clearfw.traces.file import NO_PFN, Events, Kind

NAMES = {"alloc": Kind.ALLOC, "free": Kind.FREE, "free_batched": Kind.FREE_BATCHED}


@pytest.mark.parametrize("name", COUNTS)
def test_real_text_is_read_whole(name: str) -> None:
    """Every event in the text of every tool is found, losses are known, and no line is bad."""
    form, *counts = COUNTS[name]

    parsed = parse(real(name), room=4096)

    kinds = [row[-1] for row in parsed.rows]
    assert (form, counts) == (parsed.form, [kinds.count(kind) for kind in Kind])
    assert parsed.bad == []
    assert parsed.lost == LOST.get(name, 0)
    assert all_accounted(parsed)


def test_every_real_text_is_tested() -> None:
    """The table above has all the texts there are."""
    texts = {str(path.relative_to(DATA)) for path in DATA.glob("kernel-*/*.txt*")}

    assert set(COUNTS) == {name for name in texts if not name.endswith("/stats.txt")}


def test_huge_pages_of_the_real_text_are_huge() -> None:
    """Four times a GiB of THP is 2048 allocations of order 9."""
    parsed = parse(real("kernel-7.3-smp2-thp/trace.txt.xz"), room=4096)

    assert sum(row[6] == 9 and row[-1] is Kind.ALLOC for row in parsed.rows) == 2048


# Another parser, of what ftrace prints with all its columns: simple, slow, made from the kernel's formats.
LINE = re.compile(
    rb"(?P<comm>.{16})-(?P<pid>\d+) +\[(?P<cpu>\d+)\] \S{5,6} +(?P<s>\d+)\.(?P<us>\d{6}): "
    rb"mm_page_(?P<kind>\w+): "
    rb"page=(?P<page>[0-9a-f]+) pfn=0x(?P<pfn>[0-9a-f]+) order=(?P<order>\d+)"
    rb"(?: migratetype=(?P<migratetype>\d) gfp_flags=(?P<gfp>\S+))?",
    re.DOTALL,
)


def peer(line: bytes) -> Row | None:
    """Return the event of one line of ftrace."""
    found = LINE.fullmatch(line)
    if found is None or found["kind"].decode() not in NAMES:
        return None
    kind = NAMES[found["kind"].decode()]
    pfn = int(found["pfn"], 16)
    failed = kind is Kind.ALLOC and pfn == 0 and int(found["page"], 16) == 0
    return (
        int(found["s"]) * 10**9 + int(found["us"]) * 1000,
        NO_PFN if failed else pfn,
        (found["gfp"] or b"none").decode(errors="replace"),
        int(found["pid"]),
        int(found["cpu"]),
        int(found["migratetype"] or -1),
        int(found["order"]),
        kind,
    )


@pytest.mark.parametrize("name", ["storm", "thp"])
def test_another_parser_reads_the_same(name: str) -> None:
    """A regular expression finds the same events in the real text, field by field."""
    text = real(f"kernel-7.3-smp2-{name}/trace.txt.xz")

    expected = [row for row in map(peer, text.split(b"\n")) if row]

    assert expected == parse(text, room=4096).rows


# What a comm may hold: letters do not hurt.
NASTY = st.text(alphabet="a0 -:[].,/()<>=#\t\x00é", max_size=15).map(lambda comm: comm.encode()[:15])
LIKE_A_HEAD = st.sampled_from(
    [
        b"a-1 [0] 1.0: x:",
        b": mm_page_free:",
        b"x 1 [1] 2.3: y:",
        b"CPU:1 [LOST 5 ",
        b"# tracer: nop",
        b"1-1 1d.... 1.0:",
        b"-1 [1] 1.0:",
    ]
)


@given(
    comm=st.one_of(NASTY, LIKE_A_HEAD),
    pid=st.integers(0, 4194304),
    cpu=st.integers(0, 8191),
    flags=st.sampled_from([b".....", b"d..1.", b"dNh2.", b"b.s3.", b"....11"]),
    us=st.integers(0, 10**13),
    page=st.sampled_from([0, 0xB01E805E]),
    pfn=st.integers(0, 2**52) | st.just(0),
    order=st.integers(0, 10),
    gfp=st.sampled_from(["none", FLAGS, "GFP_NOWAIT|0x8000000", "0x440dc0"]),
    kind=st.sampled_from(sorted(NAMES)),
)
def test_whatever_the_comm_the_event_is_read(  # noqa: PLR0913, PLR0917  a line has as many fields
    comm: bytes,
    pid: int,
    cpu: int,
    flags: bytes,
    us: int,
    page: int,
    pfn: int,
    order: int,
    gfp: str,
    kind: str,
) -> None:
    """As the other parser reads it, which knows in what column a comm ends."""
    alloc = f" migratetype=1 gfp_flags={gfp}" if kind == "alloc" else ""
    tail = f"mm_page_{kind}: page={page:016x} pfn={pfn:#x} order={order}{alloc}".encode()
    head = b"%16s-%-7d [%03d] %s %5d.%06d: " % (comm, pid, cpu, flags, us // 10**6, us % 10**6)

    expected = peer(head + tail)

    assert expected is not None
    assert expected == one(head + tail)


@given(comm=st.one_of(NASTY, LIKE_A_HEAD), pid=st.integers(0, 4194304), tid=st.integers(0, 4194304))
def test_whatever_the_comm_of_perf_the_event_is_read(comm: bytes, pid: int, tid: int) -> None:
    """perf aligns TASK to the right as well, and pid/tid around the slash."""
    for task in (b"%16s %7d" % (comm, tid), b"%16s %7d/%-7d" % (comm, pid, tid)):
        line = task + b" [001]  6.139211:        kmem:" + ALLOC.encode()
        assert (tid, 1) == one(line)[3:5]


QUIRKS = {
    "ftrace, with the irq-info column": HEAD + ALLOC,
    "without it": f"              sh-61      [001]      6.139211: {ALLOC}",
    "with another, of six": f"              sh-61      [001] d..1.1     6.139211: {ALLOC}",
    "with flags that end in digits": f"              sh-61      [001] dNh11     6.139211: {ALLOC}",
    "thread group known": f"              sh-61      (     60) [001] .....     6.139211: {ALLOC}",
    "thread group unknown": f"              sh-61      (-------) [001] .....     6.139211: {ALLOC}",
    "narrow, as before 5.x": f"              sh-61    (-----) [001] ....     6.139211: {ALLOC}",
    "latency format": f"      sh-61        1..... 6139211us : {ALLOC}",
    "latency format, with a delay": f"      sh-61        1..... 6139211us+: {ALLOC}",
    "latency format, with a great delay": f"      sh-61        1d.h3. 6139211us!: {ALLOC}",
    "latency format of trace-cmd": f"      sh-61        1..... 6.139211: {ALLOC}",
    "pasted without the blanks before it": (HEAD + ALLOC).lstrip(),
    "quoted in a mail": "> " + (HEAD + ALLOC).lstrip(),
    "of a web page, with tabs": (HEAD + ALLOC).replace("     ", "\t"),
    "nanoseconds": (HEAD + ALLOC).replace("6.139211:", "6.139211000:"),
    "task unknown": (HEAD + ALLOC).replace("   sh-", "<...>-"),
    "the idle task's name": (HEAD + ALLOC).replace("    sh-", "<idle>-"),
    "trace-cmd": HEAD + ALLOC.replace(": ", ":        "),
    "trace-cmd, of an instance": "mine: " + HEAD + ALLOC.replace(": ", ":        "),
    "perf": f"              sh      61 [001]     6.139211:        kmem:{ALLOC}",
    "perf, with call chains": f"sh      61 [001]     6.139211: kmem:{ALLOC}",
    "perf, pid and tid": f"              sh    60/61    [001]     6.139211: kmem:{ALLOC}",
    "perf, no comm": f"     61 [001]     6.139211: kmem:{ALLOC}",
    "pfn in decimal": HEAD + ALLOC.replace("0x1009f8", str(0x1009F8)),
    "another order of fields": HEAD + re.sub(r"( order=2)(.*)", r"\2\1", ALLOC),
    "no pointer, as trace-cmd -R": HEAD + re.sub(r"page=\S+ ", "", ALLOC),
    "ftrace's option fields": f"{HEAD}mm_page_alloc: pfn=0x1009f8 (1051128) order=0x2 (2) "
    f"gfp_flags={FLAGS} (0) migratetype=0x0 (0)",
    "a field from elsewhere": HEAD + ALLOC + " node=0",
    "carriage return": HEAD + ALLOC + "\r\n",
    "blanks at the end": HEAD + ALLOC + "  \n",
    "no newline at the end": HEAD + ALLOC,
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_a_quirk_changes_nothing(quirk: str) -> None:
    """One event, printed in all the ways there are, is the same event."""
    assert one(QUIRKS[quirk]) == ALLOCATED


@pytest.mark.parametrize(
    "page", ["0000000000000000", "0x0", "(nil)", "(null)", "          (null)", "NULL", "0"]
)
@pytest.mark.parametrize("pfn", ["0x0", "0"])
def test_a_page_null_is_a_failed_allocation(page: str, pfn: str) -> None:
    """With pfn 0, as TP_printk shows the pfn -1 of a failure."""
    line = HEAD + re.sub(r"page=\S+ pfn=\S+", f"page={page} pfn={pfn}", ALLOC)

    assert one(line)[1] == NO_PFN


@pytest.mark.parametrize(
    ("fields", "pfn"),
    [
        ("page=00000000deadbeef pfn=0x0", 0),
        ("page=(____ptrval____) pfn=0x0", 0),
        ("pfn=0x0", 0),
        ("page=0x0 pfn=0x1", 1),
        ("pfn=0xffffffffffffffff", NO_PFN),
    ],
)
def test_a_page_at_pfn_0_is_no_failure(fields: str, pfn: int) -> None:
    """What has another pointer was allocated; trace-cmd -R shows the -1 itself."""
    assert one(HEAD + re.sub(r"page=\S+ pfn=\S+", fields, ALLOC))[1] == pfn


@pytest.mark.parametrize(
    "flags", ["none", "0x440dc0", "GFP_KERNEL|0x8000000", "__GFP_HIGH|__GFP_MADE_UP", FLAGS, "0", "é|ÿ"]
)
def test_gfp_flags_are_kept_as_they_stand(flags: str) -> None:
    """Names, names and a number, a number alone, nothing: one word, whatever it is."""
    assert flags == one(HEAD + ALLOC.replace(FLAGS, flags))[2]


def test_frees_have_no_flags_and_no_migratetype() -> None:
    """free_batched says order 0 of whatever it frees; older kernels add cold=."""
    batched = FREE.replace("free", "free_batched").replace("order=1", "order=0 cold=1")

    assert one(HEAD + FREE) == FREED
    assert (*FREED[:6], 0, Kind.FREE_BATCHED) == one(HEAD + batched)
    assert (*FREED[:6], 0, Kind.FREE_BATCHED) == one(HEAD + batched.replace(" order=0 cold=1", ""))


def test_a_pid_that_perf_does_not_know() -> None:
    """It prints -1 for it, which is no dash between a task and its pid."""
    assert one(f"             :-1      -1 [001]     6.139211: kmem:{FREE}") == (*FREED[:3], -1, *FREED[4:])


@pytest.mark.parametrize(("text", "ts"), [("123", 123), ("0", 0), (str(2**64 - 1), 2**64 - 1)])
def test_a_clock_that_counts_no_time_is_taken_as_it_is(text: str, ts: int) -> None:
    """As trace_clock counter and x86-tsc print it, with no dot."""
    assert one((HEAD + FREE).replace("6.139211", text))[0] == ts


OTHERS = (
    "mm_page_pcpu_drain: page=00000000b01e805e pfn=0x1009f8 order=2 migratetype=0",
    "mm_page_alloc_zone_locked: page=00000000b01e805e pfn=0x1009f8 order=0 migratetype=0 percpu_refill=1",
    "mm_page_alloc_extfrag: page=00000000b01e805e pfn=0x1009f8 alloc_order=0 fallback_order=9",
    "sched_switch: prev_comm=sh prev_pid=61 ==> next_comm=a-1 [001] next_pid=2",
    "<stack trace>",
    "vfs_read <-ksys_read",
    f"tracing_mark_write: {HEAD}{FREE}",
    f"print: a-1 [000] 1.0: {FREE}",
    "",
)


@pytest.mark.parametrize("other", OTHERS)
def test_other_events_are_counted_and_left(other: str) -> None:
    """Also those whose text, which anyone may write, looks like a page event."""
    for head in (HEAD, HEAD.lstrip()):
        parsed = parse((head + other).encode())

        assert (parsed.rows, parsed.bad, parsed.lines["other_events"]) == ([], [], 1)


COMMENTS = (
    "# tracer: nop",
    "##### CPU 1 buffer started ####",
    "   # quoted on a page",
    "",
    "   ",
    "\r",
    " => __alloc_frozen_pages_noprof",
    "=> __alloc_pages (ffffffff81638ebb)",
    "\tffffffff81638ebb __alloc_frozen_pages_noprof+0x26b ([kernel.kallsyms])",
    "           f838f __GI___libc_write+0x4f (/usr/lib/x86_64-linux-gnu/libc.so.6)",
    "           9dd38 [unknown] (/usr/bin/perf)",
    "           12345 [unknown] (/usr/bin/perf)",
    "    7f12a0 operator new(unsigned long, a-1 [0] 1.0)+0x1c (/opt/a b.so)",
    "\tffffffff81638ebb",
    "cpus=2",
    "version = 7",
    "CPU 1 is empty",
)


@pytest.mark.parametrize("comment", COMMENTS)
def test_what_is_no_event_is_passed_over(comment: str) -> None:
    """Comments, blank lines, call chains, and what trace-cmd report begins with."""
    parsed = parse(f"{comment}\n".encode())

    assert (parsed.rows, parsed.bad, parsed.lines["comments"]) == ([], [], 1)


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("CPU:1 [LOST 12 EVENTS]", 12),
        ("CPU:1 [LOST EVENTS]", 1),
        ("CPU:12 [34 EVENTS DROPPED]", 34),
        ("CPU:1 [EVENTS DROPPED]", 1),
        ("mine: CPU:1 [34 EVENTS DROPPED]", 34),
        ("            bash 10554 [000] 13132.837968744: PERF_RECORD_LOST lost 15", 15),
        ("            bash 10554 [000] 13132.837968744: PERF_RECORD_LOST_SAMPLES lost 3", 3),
        (f"CPU:0 [LOST {2**64 - 1} EVENTS]\nCPU:0 [LOST 2 EVENTS]", 2**64 - 1),
    ],
)
def test_word_of_lost_events_is_counted(line: str, lost: int) -> None:
    """With or without a number: then it is one at least."""
    parsed = parse(line.encode())

    assert (parsed.lost, parsed.lines["losses"], parsed.bad) == (lost, line.count("\n") + 1, [])


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("# entries-in-buffer/entries-written: 693/29137   #P:2", 28444),
        ("# entries-in-buffer/entries-written: 693/693   #P:2", 0),
        ("# latency: 0 us, #24801/32282, CPU#0 | (M:PREEMPT(none) VP:0, KP:0, SP:0 HP:0 #P:2)", 7481),
    ],
)
def test_what_the_kernel_overwrote_is_lost(line: str, lost: int) -> None:
    """The head of a trace is the only word of it."""
    parsed = parse(line.encode())

    assert (parsed.lost, parsed.lines["comments"]) == (lost, 1)


def test_time_that_goes_backwards_is_counted() -> None:
    """Each time it does; equal times do not."""
    times = ("1.0", "2.0", "2.0", "1.5", "1.6", "0.1")
    text = "\n".join((HEAD + FREE).replace("6.139211", time) for time in times)

    assert parse(text.encode()).backwards == 2


def test_an_end_without_room_is_refused() -> None:
    """The caller's mistake is not an event lost."""
    with pytest.raises(ValueError, match="no room for the last event"):
        _core.TraceText().end(Events.room(1), 1)


def test_the_flags_of_raw_numbers_and_of_names_agree() -> None:
    """trace-cmd report and its -R print the same recording."""
    named = parse(real("kernel-6.18/trace-cmd-report.txt")).rows
    raw = parse(real("kernel-6.18/trace-cmd-report-raw.txt")).rows

    def known(row: Row) -> tuple[Any, ...]:
        # As a number, this bit is of another flag on another kernel: Gfp.parse() takes it from names alone.
        return (*row[:2], Gfp.parse(row[2]) & ~Gfp.SKIP_KASAN, *row[3:])

    assert len(raw) > 40
    assert [known(row) for row in raw] == [known(row) for row in named[: len(raw)]]
    assert np.unique([row[2] for row in raw]).size > 2
