"""Commands that are prepared, wait, and start with nothing of the recorder in their trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Self

import attrs

from clearfw._core import prepare_command
from clearfw.errors import CommandError, SystemCallError

if TYPE_CHECKING:
    import resource
    from collections.abc import Sequence


def check(command: Sequence[str]) -> None:
    """Raise CommandError for a command that no file is there for."""
    if not command:
        msg = "no command was given: write it last, as in -- make -j2"
        raise CommandError(msg)
    if shutil.which(command[0]) is None:
        msg = f"command {command[0]!r} is not found or not executable: check its path"
        raise CommandError(msg)


@attrs.define
class Command:
    """A process that executes the command once it is started: a context manager that leaves none behind.

    Attributes:
        pid: of the process, and then of the command.
        exit_status: as subprocess has it, once it was reaped; None before.
        used: its resources, once it was reaped.

    """

    pid: int
    _go: int
    _report: int
    _command: tuple[str, ...]
    exit_status: int | None = None
    used: resource.struct_rusage | None = None

    @classmethod
    def prepare(cls, command: tuple[str, ...]) -> Self:
        """Start a process for COMMAND that waits for start()."""
        go_read, ours = os.pipe()
        report, theirs = os.pipe()
        try:
            prepare_command(command, go_read, ours, theirs)
            pid = _read_pid(report, command[0])
        except SystemCallError:
            os.close(ours)
            os.close(report)
            raise
        finally:
            # The process has its own, until it becomes the command.
            os.close(go_read)
            os.close(theirs)
        return cls(pid, ours, report, command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._go)
        os.close(self._report)
        if self.exit_status is None:
            self.send(signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def start(self) -> None:
        """Execute the command; raises CommandError on failure."""
        with contextlib.suppress(BrokenPipeError):  # it was killed
            os.write(self._go, b"!")
        error = _read_int(self._report)
        if error:
            why = os.strerror(error)
            msg = f"command {self._command[0]!r} cannot be run ({why}): try it without clearfw"
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
    """Return the C int that was written to the pipe, or 0 if the writer closed it without writing."""
    return int.from_bytes(os.read(fd, 4), sys.byteorder, signed=True)
