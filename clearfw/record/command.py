"""Held: a command that is there, and waits to be let go."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Self

import attrs

from clearfw._core import start_held
from clearfw.errors import CommandError, SystemCallError

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import TypeAlias

    _Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

# What a recorder handles itself.
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)


def check(command: Sequence[str]) -> None:
    """Raise CommandError for a command that no file is there for."""
    if not command:
        msg = "no command was given: write it last, as in -- make -j2"
        raise CommandError(msg)
    if shutil.which(command[0]) is None:
        msg = f"command {command[0]!r} asked for, no such program is found or may be run: look at its path"
        raise CommandError(msg)


@attrs.define
class Held:
    """A process that becomes the command once it is let go: a context manager, which leaves none behind.

    Attributes:
        pid: of the process, and then of the command.
        exit_status: as subprocess has it, once it was reaped; None before.
        used: its resources, once it was reaped.

    """

    pid: int
    _gate: int
    _report: int
    _command: tuple[str, ...]
    exit_status: int | None = None
    used: resource.struct_rusage | None = None

    @classmethod
    def start(cls, command: tuple[str, ...]) -> Self:
        """Start a process for COMMAND."""
        gate, ours = os.pipe()
        report, theirs = os.pipe()
        try:
            start_held(command, gate, ours, theirs)
            pid = _read_pid(report, command[0])
        except SystemCallError:
            os.close(ours)
            os.close(report)
            raise
        finally:
            # The process has its own, until it becomes the command.
            os.close(gate)
            os.close(theirs)
        return cls(pid, ours, report, command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._gate)
        os.close(self._report)
        if self.exit_status is None:
            self.send(signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def let_go(self) -> None:
        """Have it run the command; raises CommandError where that cannot be run."""
        with contextlib.suppress(BrokenPipeError):  # it was killed
            os.write(self._gate, b"!")
        error = _read_int(self._report)
        if error:
            why = os.strerror(error)
            msg = f"command {self._command[0]!r} asked for, it cannot be run ({why}): try it without clearfw"
            raise CommandError(msg)

    def is_over(self) -> bool:
        """Return whether it has ended."""
        if self.exit_status is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.exit_status, self.used = os.waitstatus_to_exitcode(status), used
        return self.exit_status is not None

    def send(self, signum: int) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)


def _read_pid(fd: int, name: str) -> int:
    """Return the pid that was written there; raises SystemCallError for a negative errno."""
    pid = _read_int(fd)
    if pid < 0:
        msg = f"a process for {name!r}: {os.strerror(-pid)}"
        raise SystemCallError(msg, -pid)
    return pid


def _read_int(fd: int) -> int:
    """Return what was written there as a C int; 0: nothing was, and nothing will be."""
    return int.from_bytes(os.read(fd, 4), sys.byteorder, signed=True)


@attrs.define
class Signals:
    """The signals that end a recording, noted instead of followed: a context manager.

    Attributes:
        fd: readable whenever a signal, or the end of a child, is to be looked at.
        came: those that came, and when (monotonic seconds).

    """

    fd: int = -1
    came: list[tuple[int, float]] = attrs.field(factory=list)
    _write: int = -1
    _before: dict[int, _Handler] = attrs.field(factory=dict)
    _wakeup: int = -1

    def __enter__(self) -> Self:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for signum in _HANDLED:
            # What was ignored, as under nohup, stays so; but an ignored child could not be waited for.
            before = signal.getsignal(signum)
            if before is signal.SIG_IGN and signum is not signal.SIGCHLD:
                continue
            self._before[signum] = before
            signal.signal(signum, signal.SIG_IGN if signum is signal.SIGPIPE else self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.fd)
        os.close(self._write)

    def _note(self, signum: int, _frame: object) -> None:
        if signum != signal.SIGCHLD:
            self.came.append((signum, time.monotonic()))

    def clear(self) -> None:
        """Take what made the file readable."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 512):
                pass
