"""Recording: commands as they really run, the signals that end them, and what is kept."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from support.fake_tracefs import left_behind, needs_tracing

from clearfw.errors import CommandError
from clearfw.record import recorder
from clearfw.record.recorder import RecordPlan
from clearfw.traces import file
from clearfw.traces.file import Kind

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = """
import mmap
memory = mmap.mmap(-1, {mib} << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, len(memory), 4096):
    memory[page] = 1
"""


def allocations(trace: file.Trace) -> int:
    """Return how many there are."""
    return sum(int((batch.kind == Kind.ALLOC).sum()) for batch in trace.batches)


@needs_tracing
def test_every_page_of_a_command_is_there(tmp_path: Path) -> None:
    """A program that touches 64 MiB allocates and frees that many pages in one task; no event is lost."""
    plan = RecordPlan((sys.executable, "-c", FAULTS.format(mib=64)), tmp_path / "t.arrow")
    told: list[int] = []
    done = recorder.record(plan, told.append)
    trace = file.read(plan.output)

    assert trace.exact
    assert trace.ending == done.ending
    assert trace.origin == done.origin
    assert trace.nevents == done.events
    assert (
        sum(int((1 << batch.order[batch.kind == Kind.ALLOC].astype(int)).sum()) for batch in trace.batches)
        >= 1 << 14
    )
    assert told == sorted(told)
    assert left_behind() == []


@needs_tracing
def test_what_is_known_is_kept(tmp_path: Path) -> None:
    """The host, the command, its times and its exit status are in the trace."""
    plan = RecordPlan(("/bin/sh", "-c", "exit 7"), tmp_path / "t.arrow")
    recorder.record(plan)
    trace = file.read(plan.output)
    origin, ending = trace.origin, trace.ending

    assert ending is not None
    assert (origin.source, origin.command, origin.clock, origin.lanes) == (
        "record",
        plan.command,
        "global",
        "cpu",
    )
    assert (origin.kernel, origin.machine) == (os.uname().release, os.uname().machine)
    assert (ending.exit_status, ending.interrupted, ending.lost) == (7, False, 0)
    assert ending.usage in {"cgroup", "rusage"}
    assert ending.elapsed_s is not None
    assert ending.elapsed_s > 0


@needs_tracing
def test_children_are_recorded_and_others_are_not(tmp_path: Path) -> None:
    """Only the command and what it starts have events."""
    plan = RecordPlan(("/bin/sh", "-c", "ls / >/dev/null; ls / >/dev/null"), tmp_path / "t.arrow")
    done = recorder.record(plan)
    pids = {pid for batch in file.read(plan.output).batches for pid in batch.pid.tolist()}

    assert 3 <= len(pids) <= 4
    assert os.getpid() not in pids
    assert done.events > 100


@needs_tracing
def test_the_whole_system_is_without_the_recorder(tmp_path: Path) -> None:
    """Others' events are there, and those of the reader are not."""
    plan = RecordPlan(("sleep", "0.3"), tmp_path / "t.arrow", whole_system=True)
    other = os.fork()
    if not other:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            mmap.mmap(-1, 1 << 20).write(b"x" * (1 << 20))
        os._exit(0)
    try:
        done = recorder.record(plan)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
    pids = {pid for batch in file.read(plan.output).batches for pid in batch.pid.tolist()}

    assert other in pids
    assert os.getpid() not in pids
    assert (done.origin.command, done.ending.usage) == (None, "/proc/stat")


@needs_tracing
def test_small_buffers_lose_events_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that looks away for too long: what is in the trace and what was lost are all there were."""
    monkeypatch.setattr(recorder._Reader, "read", lambda self, writer, wait_s: time.sleep(0.01))
    plan = RecordPlan((sys.executable, "-c", FAULTS.format(mib=32)), tmp_path / "t.arrow", buffer_kb=64)
    done = recorder.record(plan)

    assert done.ending.lost is not None
    assert done.ending.lost > 8_000
    assert done.ending.lost + done.events >= 2 * (32 << 8)
    assert not file.read(plan.output).exact


@needs_tracing
def test_what_was_there_stays_until_the_command_runs(tmp_path: Path) -> None:
    """A command that cannot be run costs nobody a trace."""
    output = tmp_path / "t.arrow"
    output.write_text("precious")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter")
    script.chmod(0o755)
    with pytest.raises(CommandError, match=r"cannot be run \(No such file or directory\): try it"):
        recorder.record(RecordPlan((str(script),), output))

    assert output.read_text() == "precious"
    assert left_behind() == []


def test_a_command_must_be_there(tmp_path: Path) -> None:
    """It is looked for before anything else is done."""
    with pytest.raises(CommandError, match="'no-such-program' is not found"):
        recorder.record(RecordPlan(("no-such-program",), tmp_path / "t.arrow"))
    with pytest.raises(CommandError, match="no command was given"):
        recorder.record(RecordPlan((), tmp_path / "t.arrow"))


@needs_tracing
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_whole(tmp_path: Path, signum: signal.Signals) -> None:
    """The command goes too, the trace is whole, and signals do as before."""
    handlers = [
        signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)
    ]
    plan = RecordPlan(("sleep", "60"), tmp_path / "t.arrow")
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signum))
    timer.start()
    done = recorder.record(plan)
    timer.join()

    assert done.ending.interrupted
    assert done.ending.exit_status == -signal.SIGTERM
    assert file.read(plan.output).ending == done.ending
    assert left_behind() == []
    assert handlers == [
        signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)
    ]


@needs_tracing
def test_a_stubborn_command_is_killed(tmp_path: Path) -> None:
    """A second signal and a third leave it no choice."""
    plan = RecordPlan(
        ("/bin/sh", "-c", "trap '' INT TERM; while :; do sleep 0.1; done"), tmp_path / "t.arrow"
    )
    timers = [threading.Timer(0.5 + i / 5, os.kill, (os.getpid(), signal.SIGINT)) for i in range(3)]
    for timer in timers:
        timer.start()
    started = time.monotonic()
    done = recorder.record(plan)

    assert done.ending.exit_status == -signal.SIGKILL
    assert time.monotonic() - started < 5
    for timer in timers:
        timer.join()
