"""A kernel booted for one job: as an ordinary process, with nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import KernelBootError, KernelTreeError
from clearfw.kernel_tree.process import running, scratch

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

    from clearfw.kernel_tree.store import Build

# The kernel, its tables and the guest's own lists beside the working set; KASAN's shadow is the host's.
_OVERHEAD_NBYTES = 96 << 20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  what User-Mode Linux itself prefers
# Calibrating the delay loop takes as long as the rest of a boot, and nothing here waits by it.
_QUICK = ("lpj=4000000",)
_LAST_LINES = 15
_LINE = re.compile(r"clearfw: (?P<kind>\w+)(?P<facts>(?: \w+=\S+)*)$")
_FATAL = re.compile(r"Kernel panic|BUG: |Oops|Call Trace|WARNING: |general protection")


@attrs.frozen
class Job:
    """What a guest is to do once it runs: guest/clearfw.c says it of each.

    Attributes:
        job: "bench" or "contents".
        working_set: bytes, in blocks of one order at a time.

    """

    job: str
    orders: Sequence[int]
    working_set: int
    hot: bool = False
    zero: bool = False

    @property
    def parameters(self) -> str:
        """The module's parameters."""
        orders = ",".join(map(str, self.orders))
        flags = f"hot={int(self.hot)} zero={int(self.zero)}"
        return f"job={self.job} orders={orders} working_set={self.working_set} {flags}"


@attrs.frozen
class Line:
    """One result of a guest: what it is of, and its numbers by name."""

    kind: str
    facts: dict[str, int]


@attrs.frozen
class Booted:
    """What a guest printed: its results, and all of its lines."""

    results: tuple[Line, ...]
    lines: tuple[str, ...]

    def of(self, kind: str) -> list[Line]:
        """Return the results of that kind."""
        return [line for line in self.results if line.kind == kind]


def memory_folder(nbytes: int) -> Path:
    """Return where a guest's memory of NBYTES lies: in shared memory where there is room, else on a disk."""
    if _room(_SHARED_MEMORY) >= nbytes:
        return _SHARED_MEMORY
    folder = Path(tempfile.gettempdir())
    if _room(folder) < nbytes:
        msg = (
            f"a guest of {nbytes >> 20} MiB finds no room in {_SHARED_MEMORY} nor in {folder}: "
            "ask for less with --memory, or point TMPDIR elsewhere"
        )
        raise KernelTreeError(msg)
    return folder


def guest_nbytes(working_set: int) -> int:
    """Return the memory of a guest that has WORKING_SET bytes to work on."""
    return working_set + working_set // 8 + _OVERHEAD_NBYTES


def boot(build: Build, label: str, job: Job, arguments: Sequence[str], deadline_s: float) -> Booted:
    """Boot BUILD with kernel ARGUMENTS, have it do JOB, and return what it printed.

    Raises KernelBootError, with the last lines, where the kernel LABEL panics, hangs or does not do it.
    """
    memory = guest_nbytes(job.working_set)
    with _root(build, job) as root:
        command = [
            str(build.linux),
            f"mem={memory >> 20}M",
            "root=/dev/root",
            "rootfstype=hostfs",
            f"rootflags={root}",
            "rw",
            "init=/init",
            "con=null",
            "con0=null,fd:1",
            "earlyprintk",
            "loglevel=8",
            f"uml_dir={root}/uml/",
            "umid=clearfw",
            *_QUICK,
            *arguments,
        ]
        environment = {"TMPDIR": str(memory_folder(memory)), "HOME": str(root), "PATH": os.environ["PATH"]}
        with running(command, cwd=root, environment=environment) as process:
            lines, ended = _read(process, time.monotonic() + deadline_s)
        loaded = (root / "status").read_text().strip()
    if not ended:
        what = f"did not end within {deadline_s:.0f} s: raise --timeout, or look at its last lines"
        raise _failed(label, what, lines)
    found = tuple(line for text in lines if (line := _parse(text)))
    if not any(line.kind == "done" for line in found):
        raise _failed(label, _why(lines, loaded), lines)
    return Booted(found, tuple(lines))


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[list[str], bool]:
    """Return the lines of PROCESS, and whether it ended by itself before the DEADLINE."""
    assert process.stdout is not None  # noqa: S101  asked for as a pipe
    data = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                return _lines(data), True
            data += chunk
    return _lines(data), False


def _lines(data: bytes | bytearray) -> list[str]:
    text = data.decode(errors="replace").replace("\r", "")
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _parse(text: str) -> Line | None:
    match = _LINE.search(text)
    if match is None:
        return None
    pairs = (fact.split("=") for fact in match["facts"].split())
    try:
        return Line(match["kind"], {name: int(value) for name, value in pairs})
    except ValueError:
        return None


def _why(lines: Sequence[str], loaded: str) -> str:
    if any(_FATAL.search(line) for line in lines):
        return "broke down"
    if loaded.isdigit() and int(loaded):
        return f"did not load clearfw's module ({os.strerror(int(loaded))})"
    return "ended before its job was done"


def _failed(label: str, what: str, lines: Sequence[str]) -> KernelBootError:
    fatal = next((number for number, line in enumerate(lines) if _FATAL.search(line)), None)
    shown = lines[-_LAST_LINES:] if fatal is None else lines[fatal : fatal + _LAST_LINES]
    text = "\n".join(f"  {line}" for line in shown) or "  (it printed nothing)"
    return KernelBootError(f'the kernel "{label}" {what}:\n{text}', label, tuple(shown))


@contextlib.contextmanager
def _root(build: Build, job: Job) -> Iterator[Path]:
    """Give the folder that a guest has as its root file system."""
    # hostfs takes its folder from a list that commas part, and a kernel's arguments end at blanks.
    usual = tempfile.gettempdir()
    parent = Path("/tmp" if any(mark in usual for mark in " ,") else usual)  # noqa: S108
    with scratch(parent, "clearfw-guest-") as root:
        shutil.copy2(build.init, root / "init")
        (root / "init").chmod(0o700)
        shutil.copy2(build.module, root / "clearfw.ko")
        (root / "parameters").write_text(job.parameters)
        (root / "status").touch()
        (root / "uml").mkdir()
        (root / "dev").mkdir()
        yield root


def _room(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize if os.access(folder, os.W_OK) else 0
