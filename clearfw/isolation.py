"""Isolation: work in a child process, so that a crash of a strategy becomes a result."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import fcntl
import json
import os
import resource
import select
import signal
import time
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from clearfw import _core
from clearfw.errors import place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Tell: TypeAlias = "Callable[[dict[str, Any]], None]"

# What a child may add to its address space: room for all that a check boots, and an end to a map without one.
_ADDRESS_SPACE = 64 << 30
_DONE = {"isolation": "done"}
_PR_SET_PDEATHSIG = 1  # linux/prctl.h: a child must not outlive its parent


@attrs.frozen
class Outcome:
    """Messages of a child process, and how it ended.

    Attributes:
        told: every message, in order.
        end: why it did not finish its work; empty where it did.

    """

    told: tuple[dict[str, Any], ...]
    end: str


@attrs.frozen
class Child:
    """A running child process."""

    pid: int
    pidfd: int
    told: int
    faults: int
    deadline: float
    deadline_s: float

    def end(self) -> None:
        """End it, whatever it is at."""
        _kill_session(self.pid)
        self.wait()

    def wait(self) -> Outcome:
        """Wait for the end or the deadline, and return the messages."""
        left = max(0.0, self.deadline - time.monotonic())
        in_time = False
        try:
            in_time = bool(select.select([self.pidfd], [], [], left)[0])
        finally:
            if not in_time:  # or interrupted: Ctrl-C does not reach another session
                _kill_session(self.pid)
        # Before it is reaped, while its number is still its own: a strategy that forked left children behind,
        # and they hold on to the machine's memory.
        os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOWAIT)
        _kill_session(self.pid)
        _, status = os.waitpid(self.pid, 0)
        end = _read_all(self.faults).strip()
        told = [json.loads(line) for line in _read_all(self.told).splitlines() if line.endswith("}")]
        for descriptor in (self.pidfd, self.told, self.faults):
            os.close(descriptor)
        if not in_time:
            end = f"did not come back within {self.deadline_s:g} s: look for a loop without an end"
        elif _DONE not in told:
            end = end or _end(status)
        return Outcome(tuple(message for message in told if message != _DONE), end)


def first_done(children: Sequence[Child]) -> int:
    """Return the index of one of CHILDREN that has ended, once there is one, or whose time is over."""
    deadline = min(child.deadline for child in children)
    ready, _, _ = select.select(
        [child.pidfd for child in children], [], [], max(0.0, deadline - time.monotonic())
    )
    if ready:
        return next(index for index, child in enumerate(children) if child.pidfd in ready)
    return next(index for index, child in enumerate(children) if child.deadline == deadline)


def start(work: Callable[[Tell], None], deadline_s: float) -> Child:
    """Start WORK in a child process with DEADLINE_S seconds; its failures do not raise here."""
    # Files in memory, not pipes: the child can go on even if nobody reads.
    told, faults = _open("told"), _open("faults")
    with warnings.catch_warnings():
        # From 3.12 on a fork beside threads is warned of: the child runs this one to its end.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _work(work, told, faults)
    return Child(pid, os.pidfd_open(pid), told, faults, time.monotonic() + deadline_s, deadline_s)


def _open(name: str) -> int:
    """Return a file in memory with a descriptor above 2, even if standard streams are closed."""
    low = os.memfd_create(name)
    descriptor = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(low)
    return descriptor


def run(work: Callable[[Tell], None], deadline_s: float) -> Outcome:
    """Run WORK in a child process and return its messages."""
    return start(work, deadline_s).wait()


def _work(work: Callable[[Tell], None], told: int, faults: int) -> None:
    """Do the work and end the process, so that no code of the parent runs twice."""
    try:
        # Whatever it starts can be ended with it.
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        room = _ADDRESS_SPACE if hard == resource.RLIM_INFINITY else min(hard, _ADDRESS_SPACE)
        resource.setrlimit(resource.RLIMIT_AS, (room, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # It would report faults beside us, to the parent's standard error, which pytest gives it a copy of.
        faulthandler.disable()
        _core.report_faults_to(faults)
        # Standard output may be the parent's JSON.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)

        def tell(message: dict[str, Any]) -> None:
            os.write(told, json.dumps(message).encode() + b"\n")

        work(tell)
        if _has_children():
            os.write(faults, b"left a process behind: a strategy may not fork")
            os._exit(1)
        tell(_DONE)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  a strategy may raise anything, and this process ends here
        # It may even have closed what we tell through.
        with contextlib.suppress(OSError):
            os.write(faults, f"raised {type(error).__name__}: {error}{place(error)}".encode(errors="replace"))
    finally:
        os._exit(1)


def _read_all(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode(errors="replace")


def _kill_session(pid: int) -> None:
    # By itself as well: it may not have become a session's leader yet.
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _end(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended the process with exit status {os.waitstatus_to_exitcode(status)}"
