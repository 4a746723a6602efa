"""`clearfw bench --watch`: a session of editing, and how it ends."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import KERNEL_STYLE, PYTHON, SMALL, Command, finished, in_c, program, wait_for

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def read_until(process: subprocess.Popen[str], said: str) -> str:
    """Return what PROCESS prints, up to the line that has SAID in it."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if said in line:
            return printed
    raise AssertionError(printed)


def save(path: Path, text: str) -> None:
    """Save as most editors do: another file takes the name."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def test_every_save_is_checked_and_timed(tmp_path: Path) -> None:
    """Compile errors, a missing file, a header, a crash: all are reported, and the watch goes on."""
    path, header = tmp_path / "mine.c", tmp_path / "mine.h"
    header.write_text("\n")
    included = KERNEL_STYLE.replace("<clearfw/strategy.h>\n", '<clearfw/strategy.h>\n#include "mine.h"\n')
    path.write_text(included)
    process = program(*SMALL, "--watch", path)

    first = read_until(process, "pasted ")
    assert "every save is checked and timed; Ctrl-C ends it" in first
    assert " checks passed" in first

    save(path, included.replace("clear_highpage", "clear_hugepage"))
    assert "clear_hugepage" in read_until(process, "error: implicit declaration")
    path.unlink()
    read_until(process, "mine.c does not exist: waiting for it")
    save(path, included)
    assert " checks passed" in read_until(process, "pasted ")
    header.write_text("#error of all things\n")
    read_until(process, "#error of all things")
    header.write_text("\n")
    read_until(process, "pasted ")
    save(path, in_c("*(volatile int *)8 = 1;"))
    read_until(process, "SIGSEGV")

    process.send_signal(signal.SIGINT)
    assert finished(process).status == 0


def test_an_interrupt_while_it_measures_ends_it_cleanly(tmp_path: Path) -> None:
    """With status 0, since that is how it ends; and nothing is left running."""
    marker, path = tmp_path / "marker", tmp_path / "mine.py"
    begin = f"import os; open({str(marker)!r}, 'x').write(str(os.getpid()))"
    path.write_text(PYTHON.format(body=f"{begin}\n        while True: pass"))
    process = program(*SMALL, "--watch", path)
    wait_for(marker)
    while not (pid := marker.read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert (done.status, done.err) == (0, "")
    deadline = time.monotonic() + 30
    while is_running(int(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Return whether a process is at work: one that has ended may wait to be reaped."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  proc files are read as they are
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["batched"], "--watch found no such file: name the .c or .py file"),
        (["gone.c"], "--watch gone.c found no such file"),
        (["batched+gone.c"], "--watch gone.c found no such file"),
        (["mine.c+batchd"], "unknown strategy 'batchd'"),
        (["--primitive", "stosbb"], "unknown primitive 'stosbb'"),
        (["--json", "-"], "--json does not work with --watch, which runs until Ctrl-C: leave one out"),
    ],
    ids=str,
)
def test_what_cannot_be_watched_is_refused(command: Command, arguments: list[str], said: str) -> None:
    """Before anything is timed."""
    done = command(*SMALL, "--watch", *arguments)

    assert done.status == 2
    assert said in done.line
