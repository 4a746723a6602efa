"""The signals that end a recording."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import TypeAlias

    _Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

# What a recorder handles itself.
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)


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
