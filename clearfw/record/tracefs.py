"""tracefs: an instance of our own in the kernel's tracing file system, gone again afterwards."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from clearfw.errors import TracingError
from clearfw.record import leftovers
from clearfw.traces import event_format
from clearfw.traces.file import Kind
from clearfw.traces.ring_buffer import read_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearfw.traces.event_format import Format

_PLACES = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
# PROC_PID_INIT_INO (include/linux/proc_ns.h), part of the ABI.
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
_GROUP = "kmem"
# mm_page_free_batched comes in addition to mm_page_free (mm/page_alloc.c: free_unref_folios(), 7.3):
# accounting has no need of it, and a third of the ring buffer would hold nothing else.
_RECORDED = (Kind.ALLOC, Kind.FREE)
# The share of a buffer that is full when its reader is woken: sub-buffers are dense, three quarters are left
# for what comes until the reader runs.
_WAKE_PERCENT = 25
_MOUNT = "clearfw-tracefs-"


@contextlib.contextmanager
def mounted() -> Iterator[Path]:
    """Give the directory of tracefs, mounted for as long where it is not yet; raises TracingError."""
    if os.geteuid() != 0:
        msg = f"recording needs root, but this is user {os.geteuid()}: run it with sudo"
        raise TracingError(msg)
    if Path("/proc/self/ns/pid").stat().st_ino != _FIRST_PID_NAMESPACE:
        msg = (
            "this process has its own PID namespace, but the kernel traces by the pids of the host: "
            "record on the host, or in a container with --pid=host"
        )
        raise TracingError(msg)
    found = next((place for place in _PLACES if (place / "instances").is_dir()), None)
    if found is not None:
        yield found
        return
    _unmount_left()
    with tempfile.TemporaryDirectory(prefix=f"{_MOUNT}{os.getpid()}-") as directory:
        _mount(Path(directory))
        try:
            yield Path(directory)
        finally:
            subprocess.run([_tool("umount"), directory], check=False)


def _unmount_left() -> None:
    """Unmount what recorders that were killed had mounted: a lock would be under the mount, a pid is not."""
    for left in Path(tempfile.gettempdir()).glob(f"{_MOUNT}*"):
        pid = left.name.removeprefix(_MOUNT).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and left.lstat().st_uid == 0:
            subprocess.run([_tool("umount"), "-i", left], capture_output=True, check=False)
            with contextlib.suppress(OSError):
                left.rmdir()


def _mount(directory: Path) -> None:
    command = [_tool("mount"), "-t", "tracefs", "nodev", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = " ".join(done.stderr.split()) or f"mount ended with {done.returncode}"
        msg = (
            f"there is no tracefs at {_PLACES[0]}, and it cannot be mounted ({why}): record on the host, "
            "or in a container that may mount it; the kernel needs CONFIG_FTRACE"
        )
        raise TracingError(msg)


def _tool(name: str) -> str:
    return shutil.which(name) or f"/bin/{name}"


@attrs.define
class Instance:
    """A ring buffer of our own, with the page events in it: a context manager, which removes it.

    Attributes:
        path: its directory.
        removed: names of instances of recorders that were killed, which are gone now.
        formats: of the page events that this kernel has.

    """

    path: Path
    removed: tuple[str, ...]
    formats: dict[Kind, Format] = attrs.field(factory=dict)

    @classmethod
    def make(cls, root: Path) -> Self:
        """Make an instance in the tracefs at ROOT; raises TracingError."""
        removed = tuple(_remove_stale(root / "instances"))
        path = root / "instances" / f"clearfw-{os.getpid()}"
        try:
            path.mkdir()
        except OSError as error:
            msg = (
                f"no trace instance can be made at {path} ({error.strerror}): "
                "record on the host, or in a container with CAP_SYS_ADMIN and a writable tracefs"
            )
            raise TracingError(msg) from error
        return cls(path, removed)

    def __enter__(self) -> Self:
        try:
            self.formats = self._read_formats()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove it, with every setting that was made in it; all of its files must be closed."""
        self.path.rmdir()

    def set_up(self, buffer_kb: int) -> None:
        """Enable the page events, with buffers of BUFFER_KB for each processor; recording is still off."""
        self.write("tracing_on", "0")
        self.write("trace_clock", "global")
        try:
            self.write("buffer_size_kb", str(buffer_kb))
        except TracingError as error:
            msg = (
                f"the kernel cannot allocate {buffer_kb}K for each processor's buffer: use a smaller --buffer"
            )
            raise TracingError(msg) from error
        self._write_if_there("buffer_percent", str(_WAKE_PERCENT))
        # What maps pids to names costs at every switch, and nothing here reads it.
        self._write_if_there("options/record-cmd", "0")
        for kind in self.formats:
            self.write(f"events/{_GROUP}/{event_format.EVENTS[kind]}/enable", "1")

    def only(self, pid: int) -> None:
        """Record this task, and from then on all it forks."""
        self.write("options/event-fork", "1")
        self.write("set_event_pid", str(pid))

    def without(self, pids: list[int]) -> None:
        """Record all tasks but these."""
        if (self.path / "set_event_notrace_pid").exists():
            self.write("set_event_notrace_pid", " ".join(map(str, pids)))
            return
        # Before 5.7.
        condition = " && ".join(f"common_pid != {pid}" for pid in pids)
        for kind in self.formats:
            self.write(f"events/{_GROUP}/{event_format.EVENTS[kind]}/filter", condition)

    def turn(self, *, on: bool) -> None:
        """Start or stop recording."""
        self.write("tracing_on", "1" if on else "0")

    def header_page(self) -> str:
        """Return what tells of the sub-buffers."""
        return self.read("events/header_page")

    def open_raw(self, cpu: int) -> int:
        """Return a file that gives a processor's sub-buffers, without waiting for them."""
        path = self.path / "per_cpu" / f"cpu{cpu}" / "trace_pipe_raw"
        try:
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _refused(path, error) from error

    def stats(self) -> str:
        """Return what the kernel counted, of all processors."""
        names = sorted((self.path / "per_cpu").iterdir())
        return "\n".join(self.read(f"per_cpu/{one.name}/stats") for one in names)

    def read(self, name: str) -> str:
        """Return a file of the instance; raises TracingError."""
        try:
            return (self.path / name).read_text()
        except OSError as error:
            raise _refused(self.path / name, error) from error

    def write(self, name: str, text: str) -> None:
        """Write a file of the instance; raises TracingError."""
        try:
            (self.path / name).write_text(text)
        except OSError as error:
            raise _refused(self.path / name, error) from error

    def _write_if_there(self, name: str, text: str) -> None:
        if (self.path / name).exists():
            self.write(name, text)

    def _read_formats(self) -> dict[Kind, Format]:
        events = self.path / "events" / _GROUP
        wanted = {kind: events / event_format.EVENTS[kind] / "format" for kind in _RECORDED}
        for path in wanted.values():
            if not path.exists():
                msg = f"this kernel has no event {_GROUP}:{path.parent.name}: it needs CONFIG_TRACEPOINTS"
                raise TracingError(msg)
        return read_formats(wanted)


def _refused(path: Path, error: OSError) -> TracingError:
    return TracingError(f"{path} asked for, the kernel refused ({error.strerror}): is tracing locked down?")


def _remove_stale(instances: Path) -> Iterator[str]:
    """Remove what recorders left that were killed, and yield the names."""
    for path in leftovers.left_by_the_dead(instances):
        try:
            path.rmdir()
        except OSError as error:
            # Open files: its recorder is alive where this process cannot see it.
            if error.errno == errno.EBUSY:
                continue
            raise _refused(path, error) from error
        yield path.name
