"""`clearfw record`: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import finished, program, wait_for
from support.fake_tracefs import INSTANCES, left_behind, needs_tracing

from clearfw.errors import TracingError
from clearfw.record import recorder
from clearfw.traces import file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.commands import Command

# Once everything is imported: the Python of these tests may be root's alone.
NOBODY = """
import os
from clearfw.record import recorder
from clearfw.record import tracefs
recorder.mounted = lambda: os.setuid(65534) or tracefs.mounted()
"""


@needs_tracing
def test_standard_output_is_the_commands(tmp_path: Path) -> None:
    """What is told of the recording goes to standard error, and the command's status does not become ours."""
    output = tmp_path / "t.arrow"
    done = finished(program("record", "-o", output, "--", "/bin/sh", "-c", "echo hello; exit 5"))

    assert done.status == 0
    assert done.out == "hello\n"
    assert " events in " in done.err
    assert "the command ended with status 5" in done.err
    assert file.read(output).exact


@needs_tracing
def test_json_says_what_was_recorded(tmp_path: Path) -> None:
    """The document has the trace's origin and ending, and where it is."""
    output, report = tmp_path / "t.arrow", tmp_path / "r.json"
    done = finished(program("record", "-o", output, "--json", report, "--all", "--buffer", "1M", "true"))
    document = json.loads(report.read_text())
    trace = file.read(output)

    assert done.status == 0
    assert document["schema"] == "clearfw.record/1"
    assert (document["trace"], document["command"], document["all"]) == (str(output), ["true"], True)
    assert (document["buffer"], document["events"]) == (1 << 20, trace.nevents)
    assert document["ending"]["lost"] == 0
    assert document["origin"]["kernel"] == os.uname().release
    assert set(_leaves(document)) == set(re.findall(r"`([\w.]+)`", _documented()))


def _leaves(document: dict[str, object], path: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def _documented() -> str:
    """Return the first column of what json.md tells of the document."""
    text = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text()
    section = text.partition("## clearfw.record/1\n")[2].partition("\n## ")[0]
    return "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))


@needs_tracing
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_recorded(tmp_path: Path, signum: int) -> None:
    """Status 130, a whole trace, no instance, and no command left running."""
    output = tmp_path / "t.arrow"
    process = program("record", "-o", output, "--", "/bin/sh", "-c", "echo $$; exec sleep 60")
    wait_for(output)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signum)
    done = finished(process)
    trace = file.read(output)

    assert done.status == 130
    assert "interrupted: the trace has the events up to that point" in done.err
    assert trace.ending is not None
    assert trace.ending.interrupted
    assert trace.nevents > 100
    assert left_behind(process.pid) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@needs_tracing
def test_what_a_killed_recorder_left_is_removed(tmp_path: Path) -> None:
    """What it wrote can be read; the next recording removes its instance and its cgroup."""
    output = tmp_path / "t.arrow"
    process = program("record", "-o", output, "--", "/bin/sh", "-c", "exec sleep 1")
    wait_for(output)
    while not output.stat().st_size:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    name = f"clearfw-{process.pid}"

    assert file.read(output).ending is None
    finished(program("record", "-o", output, "--", "true"))

    assert not (INSTANCES / name).exists()
    assert left_behind(process.pid) == []


@needs_tracing
def test_lost_events_are_status_1(tmp_path: Path) -> None:
    """A trace that misses events fails, and the message says what to do."""
    before = """
import time
from clearfw.record import recorder
recorder._Reader.read = lambda *_: time.sleep(0.01)
"""
    faults = "import mmap; mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE).write(bytes(32 << 20))"
    arguments = ("-o", tmp_path / "t.arrow", "--buffer", "64K", "--", sys.executable, "-c", faults)
    done = finished(program("record", *arguments, before=before))

    assert done.status == 1
    assert "events were lost: record again with --buffer 128K" in done.err


@needs_tracing
def test_without_root_it_says_so() -> None:
    """One line, and status 2."""
    done = finished(program("record", "-o", os.devnull, "--", "true", before=NOBODY))

    assert done.status == 2
    assert done.line == "recording needs root, but this is user 65534: run it with sudo"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing option '-o'"),
        (("-o", "-", "true"), "standard output belongs to the command: name a file"),
        (("-o", "/nowhere/t", "true"), "the directory /nowhere does not exist: create it first"),
        (("-o", "T"), "no command was given: write it last, as in -- make -j2"),
        (("-o", "T", "no-such-program"), "'no-such-program' is not found"),
        (("-o", "T", "--buffer", "1K", "true"), "1K is too small for a buffer: give at least 64K"),
        (
            ("-o", "T", "--json", "-", "true"),
            "--json - is not possible, because standard output belongs to the command",
        ),
        (("-o", "T", "--scale", "3", "true"), "--scale needs --workload"),
        (
            ("-o", "T", "--workload", "pagerank", "true"),
            "--workload pagerank and the command 'true' exclude each other",
        ),
        (("-o", "T", "--workload", "nonesuch"), "'nonesuch' is not one of"),
    ],
)
def test_what_cannot_be_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    """One line, status 2, and nothing written."""
    monkeypatch.chdir(tmp_path)
    done = command("record", *arguments)

    assert done.status == 2
    assert told in done.line
    assert list(tmp_path.iterdir()) == []


def test_what_was_found_is_told(monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path) -> None:
    """Remains of others, unknown flags, losses, a signal: a line each."""
    ending = file.Ending(lost=7, elapsed_s=1.0, exit_status=-35, unknown_gfp=("__GFP_STRANGE",))
    found = recorder.Recording(file.Origin(source="record"), ending, 1234, ("clearfw-5",))
    monkeypatch.setattr(recorder, "record", lambda plan, progress: found)
    done = command("record", "-o", tmp_path / "t", "true")

    assert done.status == 1
    assert done.err.splitlines() == [
        "removed clearfw-5, the trace instance of a recorder that was killed",
        f"1,234 events in 1.00 s, processor time not known: {tmp_path / 't'}",
        "the command was killed by signal 35 (Real-time signal 1)",
        "unknown gfp flags, left out: __GFP_STRANGE",
        "7 events were lost: record again with --buffer 32M",
    ]


def test_a_workload_is_a_command(monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path) -> None:
    """pagerank and graph500 run as programs of this Python."""
    asked: list[recorder.Plan] = []

    def record(plan: recorder.Plan, _progress: object) -> recorder.Recording:
        asked.append(plan)
        msg = "seen"
        raise TracingError(msg)

    monkeypatch.setattr(recorder, "record", record)
    output = str(tmp_path / "t")
    command("record", "-o", output, "--workload", "pagerank", "--scale", "9")
    command("record", "-o", output, "--workload", "graph500")
    command("record", "-o", output, "ls", "-o", "x")

    assert [plan.command for plan in asked] == [
        (sys.executable, "-P", "-m", "clearfw.graphs", "pagerank", "--scale", "9"),
        (sys.executable, "-P", "-m", "clearfw.graphs", "graph500"),
        ("ls", "-o", "x"),
    ]
