"""`clearfw import`: real text into traces, and what cannot be imported."""

from __future__ import annotations

import errno
import gzip
import json
import lzma
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.commands import finished, program, wait_for

from clearfw.gfp import Gfp
from clearfw.traces import file, import_text
from clearfw.traces.file import TraceWriter
from clearfw.traces.text_input import opened
from clearfw.workloads.replay import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.commands import Command

DATA = Path(__file__).parents[1] / "data"
STORM = DATA / "kernel-7.3-smp2-storm" / "trace.txt.xz"
THP = DATA / "kernel-7.3-smp2-thp" / "trace.txt.xz"
DROPPED = DATA / "kernel-6.18" / "trace-cmd-report-dropped.txt"
PERF = DATA / "kernel-6.18" / "perf-script-callchain.txt"

FREE = "sh-61 [001] ..... {}: mm_page_free: page=00000000911d8796 pfn=0x{:x} order=0\n"


def column(trace: file.Trace, name: str) -> np.ndarray[Any, Any]:
    """Return a column of all of TRACE's events."""
    return np.concatenate([getattr(events, name) for events in trace.batches])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the trace goes."""
    return tmp_path / "out.trace"


def test_a_real_text_becomes_a_trace(command: Command, out: Path) -> None:
    """All events, in order of time, in whole batches; and what is known of where they come from."""
    done = command("import", STORM, "-o", out, "--init-on-alloc", "on", "--init-on-free", "off")

    trace = file.read(out)
    kinds = np.bincount(column(trace, "kind")).tolist()
    assert done.status == 0
    assert "178,088 events, from 178,100 lines of ftrace" in done.out
    assert kinds == [74_561, 77_337, 26_190]
    assert trace.exact
    assert not np.any(np.diff(column(trace, "ts").astype(np.int64)) < 0)
    assert {len(batch) for batch in trace.batches[:-1]} == {file.BATCH}
    assert (trace.origin.source, trace.origin.lanes, trace.origin.page_size) == ("ftrace", "time", 4096)
    assert (trace.origin.init_on_alloc, trace.origin.init_on_free) == (True, False)


def test_gfp_flags_are_bits_by_name(command: Command, out: Path) -> None:
    """The first allocation of the text has its flags, and frees have none."""
    command("import", THP, "-o", out)

    trace = file.read(out)
    gfp, kind = column(trace, "gfp"), column(trace, "kind")
    assert gfp[0] == Gfp.parse("GFP_NOWAIT|__GFP_HIGHMEM|__GFP_IO|__GFP_FS|__GFP_ZERO")
    assert not np.any(gfp[kind != file.Kind.ALLOC])
    assert trace.ending is not None
    assert trace.ending.unknown_gfp == ()


def test_what_is_not_said_is_not_known(command: Command, out: Path) -> None:
    """Nothing is guessed of the kernel, nor of events that perf lost."""
    done = command("import", PERF, "-o", out, "--page-size", "64K", "--json", "-")

    trace = file.read(out)
    assert done.json["lost"] is None
    assert "lost events not known" in done.err
    assert (trace.origin.init_on_alloc, trace.origin.init_on_free, trace.origin.kernel) == (None, None, None)
    assert trace.origin.page_size == 65536
    assert trace.ending is not None
    assert trace.ending.lost is None


def test_lost_events_are_exit_status_1(command: Command, out: Path) -> None:
    """The trace is there, and known not to be exact."""
    done = command("import", DROPPED, "-o", out)

    assert done.status == 1
    assert "lost events 12,857" in done.out
    assert not file.read(out).exact


def test_bad_lines_are_shown_and_no_failure(command: Command, out: Path, tmp_path: Path) -> None:
    """With line and column, what was expected and what stands there, brackets and all."""
    text = tmp_path / "text"
    text.write_text(FREE.format("1.0", 1) + "what [bold]is this\n" * 20 + FREE.format("2.0", 2))

    done = command("import", text, "-o", out, "--json", tmp_path / "out.json")

    trace = file.read(out)
    assert done.status == 0
    assert "bad lines 20, of which the first:" in done.out
    assert "line 2, column 1: expected TASK-PID [CPU] TIME: EVENT, found 'what [bold]is this'" in done.out
    assert trace.nevents == 2
    assert trace.ending is not None
    assert trace.ending.bad_lines == 20


def test_flags_of_another_kernel_are_named_and_left_out(command: Command, out: Path, tmp_path: Path) -> None:
    """The others of the same event are kept."""
    text = tmp_path / "text"
    alloc = "sh-61 [0] 1.0: mm_page_alloc: page=1 pfn=0x1 order=0 migratetype=0 gfp_flags="
    text.write_bytes(f"{alloc}GFP_TEMPORARY|__GFP_ZERO|0x1\n".encode() + alloc.encode() + b"\xff\n")

    done = command("import", text, "-o", out)

    trace = file.read(out)
    assert done.status == 0
    assert trace.ending is not None
    assert trace.ending.unknown_gfp == ("GFP_TEMPORARY", "\\xff")
    assert column(trace, "gfp").tolist() == [int(Gfp.ZERO | Gfp.DMA), 0]
    assert "left out: GFP_TEMPORARY, \\xff" in done.out


def test_no_text_reaches_the_terminal_unseen(command: Command, out: Path, tmp_path: Path) -> None:
    """Control characters are shown as what they are; of thousands of names, some."""
    text = tmp_path / "text"
    alloc = "sh-61 [0] 1.0: mm_page_alloc: page=1 pfn=0x1 order=0 migratetype=0 gfp_flags="
    flags = "|".join(map(str, range(200)))
    text.write_text(f"\x1b]0;gotcha\x07\n{alloc}\x1b[2J\n{alloc}{flags}\n")

    done = command("import", text, "-o", out)

    assert "\x1b" not in done.out
    assert "\\x1b]0;gotcha" in done.out
    assert "and 193 more" in done.out


def test_a_text_whose_time_goes_backwards_is_sorted(command: Command, out: Path, tmp_path: Path) -> None:
    """Equal times stay in the order of the text, over as many batches as there are."""
    times = np.random.default_rng(3).integers(0, 50_000, 2 * file.BATCH + 77)
    text = tmp_path / "text"
    text.write_text("".join(FREE.format(f"{time}.0", place) for place, time in enumerate(times)))

    done = command("import", text, "-o", out)

    trace = file.read(out)
    assert re.search(r"time went backwards 6\d,\d{3} times in the text, so the trace was sorted", done.out)
    assert column(trace, "pfn").tolist() == np.argsort(times, kind="stable").tolist()
    assert column(trace, "ts").tolist() == (np.sort(times) * 10**9).tolist()
    assert trace.exact
    assert list(tmp_path.glob("*.sorting")) == []


@pytest.mark.parametrize("compress", [lzma.compress, gzip.compress, bytes])
def test_compressed_or_not_is_the_same(
    command: Command, out: Path, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """By its contents, whatever its name."""
    text = tmp_path / "text.txt"
    text.write_bytes(compress(PERF.read_bytes()))

    assert command("import", text, "-o", out, "--json", "-").json["events"]["alloc"] == 6


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Start the import with a pipe for standard input."""
    command = [sys.executable, "-c", "from clearfw.cli import main; main()", "import", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("unpack", [bytes, lzma.decompress])
def test_standard_input(out: Path, unpack: Callable[[bytes], bytes]) -> None:
    """As a pipe, compressed or not."""
    printed, said = start("-", "-o", out).communicate(unpack(THP.read_bytes()), timeout=60)

    assert said == b""
    assert b"10,444 events" in printed
    assert file.read(out).exact


def test_standard_input_may_be_closed(out: Path) -> None:
    """As in a shell's <&-."""
    before = "import sys; sys.stdin = None"

    done = finished(program("import", "-", "-o", out, before=before))

    assert done.status == 2
    assert "standard input is closed: name a file, or redirect one" in done.line


def test_ctrl_c_keeps_what_was_read(out: Path) -> None:
    """While it waits for more text: half a line is no bad line, the trace is whole and says what it is."""
    process = start("-", "-o", out, "--json", "-")
    assert process.stdin is not None
    process.stdin.write(FREE.format("1.0", 7).encode() * 70_000)
    # More than a pipe holds: all the events were read.
    process.stdin.write(b"# more to come\n" * 20_000 + b"half a li")
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)

    trace = file.read(out)
    assert process.returncode == 130
    assert b"interrupted: the trace has what was read so far" in said
    assert json.loads(printed)["lines"]["bad"] == 0
    assert trace.nevents == json.loads(printed)["events"]["free"] == 70_000
    assert trace.ending is not None
    assert trace.ending.interrupted


def test_ctrl_c_before_the_first_event(out: Path) -> None:
    """There is no trace, and no file of one."""
    process = start("-", "-o", out)
    assert process.stdin is not None
    # More than a pipe holds: it was read from.
    process.stdin.write(b"# tracer: nop\n" * 30_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"Traceback" not in said
    assert not out.exists()


def test_killed_it_leaves_what_was_written(out: Path) -> None:
    """The batches that are whole; and the trace is not taken for an exact one."""
    process = start("-", "-o", out)
    assert process.stdin is not None
    process.stdin.write(FREE.format("1.0", 7).encode() * 70_000)
    process.stdin.flush()
    wait_for(out)
    while out.stat().st_size < 29 * file.BATCH:
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate(timeout=60)

    trace = file.read(out)
    assert (trace.nevents, trace.exact) == (file.BATCH, False)


BINARY = {
    b"\x17\x08Dtracing": r"is a trace\.dat and not text: run trace-cmd report -t -i \S+ > trace\.txt, and",
    b"PERFILE2": r"is a perf\.data and not text: run perf script --ns --show-lost-events -i \S+ > trace\.txt",
    b"PAR1": "is a Parquet file and not text: give the text that ftrace",
    b"ARROW1": "is an Arrow file",
    b"\x28\xb5\x2f\xfd": r"is compressed with zstd and not text: run zstd -d \S+, and import",
    b"BZh": "is compressed with bzip2",
    b"\x7fELF\x02\x01\x01": r"has no page event, but line 1, column 1: expected TASK-PID .* found '\\x7fELF",
    b"\x1f\x8b\x08": "cannot be decompressed any further .*: it is damaged, copy it again",
    b"\xfd7zXZ\x00": "cannot be decompressed any further .*: it is damaged, copy it again",
    b"": r"has no page event, but an empty file: give the text that ftrace, trace-cmd report or perf script",
    b"# tracer: nop\n": "has no page event, but nothing but comments: give",
    b"sh-61 [0] 1.0: sched_switch: x\n": "has no page event, but 1 other events, and none of these: give",
    b"\nsh-61 [0] 1.0: mm_page_free: page=1\n": "line 2, column 36: expected pfn=NUMBER, once, found ''",
}


@pytest.mark.parametrize(
    ("start", "pack"),
    [(start, bytes) for start in BINARY]
    + [(start, lzma.compress) for start in BINARY if "decompressed" not in BINARY[start]],
)
def test_what_is_no_text_is_refused(
    command: Command, out: Path, tmp_path: Path, start: bytes, pack: Callable[[bytes], bytes]
) -> None:
    """The error is one line with advice, and an existing trace stays."""
    text = tmp_path / "text"
    text.write_bytes(pack(start))
    out.write_text("precious")

    done = command("import", text, "-o", out)

    assert done.status == 2
    assert re.search(BINARY[start], done.line)
    assert out.read_text() == "precious"


def test_a_trace_is_not_imported_again(command: Command, out: Path, tmp_path: Path) -> None:
    """It is told what it is."""
    command("import", THP, "-o", out)

    done = command("import", out, "-o", tmp_path / "again.trace")

    assert done.status == 2
    assert "is an Arrow stream, as a trace is, and not text: if it is one, replay it unchanged" in done.line


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_damaged_archive_gives_what_came_before(
    command: Command, out: Path, tmp_path: Path, keep: float
) -> None:
    """The error says that it is damaged, and the trace that it is not whole."""
    packed = gzip.compress(lzma.decompress(STORM.read_bytes()), 1)
    text = tmp_path / "text.gz"
    text.write_bytes(packed[: int(keep * len(packed))])

    done = command("import", text, "-o", out)

    trace = file.read(out)
    assert done.status == 2
    assert "cannot be decompressed any further" in done.line
    assert 80_000 < trace.nevents < 178_088
    assert trace.ending is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no/such/file", "-o", "out"], "no/such/file"),
        ([".", "-o", "out"], r"\. has no cpuN.raw or cpuN.raw.xz: save each"),
        (["/dev/zero", "-o", "out"], "/dev/zero is a device, and no text that ends: give the text"),
        (["/dev/null", "-o", "out"], "/dev/null is a device, and no text that ends: give the text"),
        (
            ["text", "-o", "no/such/out"],
            "'-o' / '--output': the directory no/such does not exist: create it first",
        ),
        (
            ["text", "-o", "."],
            r"'-o' / '--output': \. is not a regular file, and a trace must be one: name a file",
        ),
        (["text", "-o", "-"], "'-o' / '--output': - is not a regular file"),
        (["text", "-o", "/dev/null"], "/dev/null is not a regular file"),
        (["text", "-o", "text"], "text is the input file: name another file for the trace"),
        (["text", "-o", "link"], "link is the input file: name another file for the trace"),
        (["text"], "Missing option '-o' / '--output'"),
        (["-o", "out"], "Missing argument 'FILE'"),
        (["text", "-o", "out", "--page-size", "8K"], "'--page-size': '8K' is not one of '4K', '16K', '64K'"),
        (["text", "-o", "out", "--init-on-alloc", "1"], "'--init-on-alloc': '1' is not one of 'on', 'off'"),
        (["text", "-o", "out", "--json", "no/such.json"], "'--json': the directory no"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_cannot_be_is_told_in_one_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """The message says what was asked for, what was found and what to do; nothing was written."""
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text"
    text.write_text(FREE.format("1.0", 1))
    (tmp_path / "link").symlink_to(text)

    done = command("import", *arguments)

    assert done.status == 2
    assert re.search(said, done.line)
    assert text.read_text() == FREE.format("1.0", 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_without_room_is_told(tmp_path: Path) -> None:
    """As any other failure of the host."""
    with opened(str(THP)) as text, pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        import_text.import_text(text, Path("/dev/full"), {})


def test_a_disk_without_room_keeps_the_old_trace(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one stands beside it until it is whole."""
    out.write_bytes(b"the old one")

    def full(_writer: TraceWriter, _events: object, _metadata: object) -> None:
        raise OSError(errno.ENOSPC, "anything")

    monkeypatch.setattr(TraceWriter, "_write", full)
    with opened(str(THP)) as text, pytest.raises(OSError, match=f"No space left on device: '{out}'"):
        import_text.import_text(text, out, {})

    assert out.read_bytes() == b"the old one"
    assert list(out.parent.glob(".*clearfw*")) == []


def test_a_thread_may_import(out: Path) -> None:
    """Where Ctrl-C is no business of it."""
    found: list[import_text.Import] = []

    def run() -> None:
        with opened(str(THP)) as text:
            found.append(import_text.import_text(text, out, {}))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert found[0].events == {"alloc": 4167, "free": 4194, "free_batched": 2083}


def test_progress_is_told_in_bytes_of_the_file(out: Path) -> None:
    """Up to all of them, also of a compressed one."""
    told: list[int] = []
    with opened(str(STORM)) as text:
        import_text.import_text(text, out, {}, told.append)

    assert told == sorted(told)
    assert len(told) > 10
    assert told[-1] == STORM.stat().st_size


def test_raw_pages_and_text_of_one_recording_are_one_trace(command: Command, tmp_path: Path) -> None:
    """The directory of a kernel's raw pages and what it printed of them: every event, in the same order."""
    read = []
    for source in (THP.parent, THP):
        output = tmp_path / f"{source.name}.trace"
        done = command("import", source, "-o", output)
        assert done.status == 0, done.err
        assert "10,444 events" in done.out
        read.append(prepare(file.read(output)).census)
    assert read[0] == read[1]
