"""Work in a child process: whatever it does, the parent is told and goes on."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearfw import isolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.isolation import Tell

DEADLINE_S = 20.0


def open_files() -> set[str]:
    """Return this process's descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def has_children() -> bool:
    """Return whether some child of this process was not waited for."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def crash(tell: Tell) -> None:
    """Write where nothing is mapped."""
    ctypes.memset(0, 0, 1)


def abort(tell: Tell) -> None:
    """Abort, as assert() does in C."""
    os.abort()


def leave(tell: Tell) -> None:
    """End the process, and say that all is well."""
    os._exit(0)


def raise_exit(tell: Tell) -> None:
    """Raise what Python exits by."""
    sys.exit(3)


def raise_error(tell: Tell) -> None:
    """Raise an unexpected exception."""
    message = "odd"
    raise LookupError(message)


def fork(tell: Tell) -> None:
    """Leave a process behind that would never end."""
    if os.fork() == 0:
        signal.pause()


def map_without_end(tell: Tell) -> None:
    """Map memory until there is no more."""
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 1 << 30))


def close_everything(tell: Tell) -> None:
    """Close what the child tells through."""
    os.closerange(3, 1024)
    tell({"heard": False})


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (crash, "wrote to address 0|touched address 0"),
        (abort, "was ended by SIGABRT"),
        (leave, "ended the process with exit status 0"),
        (raise_exit, "raised SystemExit: 3"),
        (raise_error, "raised LookupError: odd"),
        (fork, "left a process behind: a strategy may not fork"),
        (map_without_end, "raised OSError: .*Cannot allocate memory"),
        (close_everything, "ended the process with exit status|raised OSError"),
    ],
)
def test_an_end_is_told(work: Callable[[Tell], None], end: str) -> None:
    """However the child ends, the parent learns how, and has no child and no descriptor more than before."""
    before = open_files()

    outcome = isolation.run(work, DEADLINE_S)

    assert re.search(end, outcome.end)
    assert open_files() == before
    assert not has_children()


def test_an_endless_loop_ends() -> None:
    """At the deadline the child is killed, and the parent told so."""

    def loop(tell: Tell) -> None:
        tell({"began": True})
        while True:
            pass

    outcome = isolation.run(loop, deadline_s=0.2)

    assert outcome.told == ({"began": True},)
    assert outcome.end == "did not come back within 0.2 s: look for a loop without an end"
    assert not has_children()


def test_what_is_told_before_the_end_is_heard() -> None:
    """A crash takes nothing back of what was told."""

    def work(tell: Tell) -> None:
        tell({"at": 1})
        tell({"at": 2})
        crash(tell)

    assert isolation.run(work, DEADLINE_S).told == ({"at": 1}, {"at": 2})


def test_work_done_is_no_end() -> None:
    """Work that comes to its end leaves nothing to say of it."""
    outcome = isolation.run(lambda tell: tell({"heard": True}), DEADLINE_S)

    assert outcome == isolation.Outcome(({"heard": True},), "")


def test_output_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    """What the child prints is not mixed with the parent's own output."""

    def work(tell: Tell) -> None:
        os.write(1, b"junk")
        os.write(2, b"junk")

    assert isolation.run(work, DEADLINE_S).end == ""
    assert capfd.readouterr() == ("", "")


def test_a_forked_process_is_killed(tmp_path: Path) -> None:
    """A process that the child left behind does not outlive it."""
    note = tmp_path / "pid"

    def work(tell: Tell) -> None:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        note.write_text(str(pid))

    isolation.run(work, DEADLINE_S)

    assert ended(int(note.read_text()))


def ended(pid: int) -> bool:
    """Return whether process PID is gone, or dead and not yet waited for, before ten seconds are over."""
    for _ in range(1000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def test_children_run_at_the_same_time() -> None:
    """A child that waits for another, begun after it, sees it."""
    reader, writer = os.pipe()
    first = isolation.start(lambda tell: tell({"read": os.read(reader, 1).decode()}), DEADLINE_S)
    second = isolation.start(lambda tell: tell({"wrote": os.write(writer, b"x")}), DEADLINE_S)

    assert first.wait().told == ({"read": "x"},)
    assert second.wait().told == ({"wrote": 1},)
    os.close(reader)
    os.close(writer)
