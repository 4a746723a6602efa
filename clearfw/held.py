"""Held: a command that is there, and waits to be let go."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, NoReturn, Self

import attrs

from clearfw.errors import CommandError

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import TypeAlias

    _Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

# What a recorder handles itself, and its command must not inherit.
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)
_CANNOT = 127  # as a shell's status for it


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
        """Fork a process for COMMAND."""
        gate, ours = os.pipe()
        report, theirs = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(ours)
            _become(command, gate, theirs)
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
        error = os.read(self._report, 16)
        if error:
            why = os.strerror(int(error))
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


def _become(command: tuple[str, ...], gate: int, report: int) -> NoReturn:
    """Wait at GATE, and become COMMAND, or tell the errno."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in HANDLED:
            if signal.getsignal(signum) is not signal.SIG_IGN or signum is signal.SIGPIPE:
                signal.signal(signum, signal.SIG_DFL)
        if os.read(gate, 1):
            os.execvp(command[0], command)  # noqa: S606  the user's own command
    except OSError as error:
        os.write(report, str(error.errno).encode())
    finally:
        os._exit(_CANNOT)


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
        for signum in HANDLED:
            # What was ignored, as under nohup, stays so.
            if (before := signal.getsignal(signum)) is signal.SIG_IGN:
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
