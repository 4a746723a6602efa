"""Programs that clearfw runs and that must not outlive it: make with its compilers, a booted guest."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GRACE_S = 5.0


@contextlib.contextmanager
def running(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run COMMAND in a process group of its own, its output in one pipe; at the end nothing of it is left.

    Where whoever runs it is killed, the kernel kills COMMAND as well (prctl(PR_SET_PDEATHSIG)).
    """
    setpriv = shutil.which("setpriv")
    wrapped = [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command
    with subprocess.Popen(
        wrapped,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            _end(process)


@contextlib.contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a folder of this process's in PARENT, gone at the end; those that killed ones left go as well."""
    for stale in _left_by_the_dead(parent, prefix):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _left_by_the_dead(parent: Path, prefix: str) -> list[Path]:
    named = {path: path.name.removeprefix(prefix).partition("-")[0] for path in parent.glob(f"{prefix}*-*")}
    return [path for path, pid in named.items() if pid.isdecimal() and not Path(f"/proc/{pid}").exists()]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, as Ctrl-C does, and then see to it."""
    if process.poll() is None:
        _signal(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    # Also what outlived its leader.
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
