"""Processor time of the recorded command, from the cgroup, rusage or /proc/stat."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from clearfw.record import leftovers

if TYPE_CHECKING:
    import resource

_MOUNT = re.compile(r"^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 ", re.MULTILINE)


@attrs.frozen
class Usage:
    """Seconds of user and system time, and where they are from."""

    user_s: float
    system_s: float
    source: str


def of_rusage(used: resource.struct_rusage) -> Usage:
    """Return what wait4() told of a command and those of its children that it waited for."""
    return Usage(used.ru_utime, used.ru_stime, "rusage")


def of_system() -> Usage:
    """Return what all processors together did since boot."""
    ticks = os.sysconf("SC_CLK_TCK")
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq = map(int, first.split()[1:8])
    return Usage((user + nice) / ticks, (system + irq + softirq) / ticks, "/proc/stat")


@attrs.define
class Group:
    """A version 2 cgroup of our own, which counts a command and all that it starts: a context manager."""

    path: Path | None

    @classmethod
    def make(cls) -> Self:
        """Make a cgroup below our own; it has no path if none can be made."""
        parent = own_cgroup()
        if parent is None:
            return cls(None)
        path = parent / f"clearfw-{os.getpid()}"
        for stale in leftovers.left_by_the_dead(parent):
            with contextlib.suppress(OSError):
                stale.rmdir()
        try:
            path.mkdir()
        except OSError:
            return cls(None)
        return cls(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            # What outlived the command goes where it would have been.
            for pid in (self.path / "cgroup.procs").read_text().split():
                (self.path.parent / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def add(self, pid: int) -> None:
        """Count a process, and from now on all that it starts."""
        if self.path is None:
            return
        try:
            (self.path / "cgroup.procs").write_text(str(pid))
        except OSError:
            self.__exit__()
            self.path = None

    def usage(self) -> Usage | None:
        """Return the usage up to now, or None without a cgroup that counts it."""
        if self.path is None:
            return None
        words = (self.path / "cpu.stat").read_text().split()
        stat = dict(zip(words[::2], words[1::2], strict=False))
        try:
            return Usage(int(stat["user_usec"]) / 1e6, int(stat["system_usec"]) / 1e6, "cgroup")
        except KeyError:
            return None


def own_cgroup() -> Path | None:
    """Return the directory of this process's version 2 cgroup; None where there is none."""
    mount = _MOUNT.search(Path("/proc/self/mountinfo").read_text())
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    ours = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if mount is None or ours is None:
        return None
    base, where = mount[1], Path(mount[2])
    path = where / os.path.relpath(ours, base)
    return path if path.is_dir() else None
