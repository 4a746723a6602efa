"""Builds that are kept: by what they were made of, so that the same is never built twice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.errors import KernelTreeError
from clearfw.kernel_tree.process import scratch
from clearfw.toolchain.compiler import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ABOUT = "about.json"


@attrs.frozen
class Build:
    """A kernel that was built: its folder, and what it was made of."""

    folder: Path
    about: Mapping[str, Any]

    @property
    def linux(self) -> Path:
        """The kernel, a program."""
        return self.folder / "linux"

    @property
    def module(self) -> Path:
        """The guest's module."""
        return self.folder / "clearfw.ko"

    @property
    def init(self) -> Path:
        """The guest's only program."""
        return self.folder / "init"

    @property
    def nbytes(self) -> int:
        """What it takes on the disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


@attrs.frozen
class Store:
    """Where kernels are kept: under `root`, builds by key, and a workspace for each tree."""

    root: Path

    @property
    def builds(self) -> Path:
        """The folder of the finished builds."""
        return self.root / "builds"

    @property
    def workspaces(self) -> Path:
        """The folder of shadows, in which make works."""
        return self.root / "workspaces"

    @property
    def unpacked(self) -> Path:
        """The folder of trees that came as tarballs."""
        return self.root / "unpacked"

    @property
    def taken(self) -> Path:
        """The folder of functions taken out of trees."""
        return self.root / "taken"

    def prepare(self) -> None:
        """Raise KernelTreeError unless kernels can be built here."""
        if any(mark in str(self.root) for mark in " :,"):
            msg = f"the cache is {self.root}, no kernel builds under a name like that: set CLEARFW_CACHE_DIR"
            raise KernelTreeError(msg)
        try:
            for folder in (self.builds, self.workspaces, self.unpacked):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.builds):
                pass
        except OSError as error:
            msg = (
                f"the cache {self.root} cannot be written ({error.strerror}): "
                "point CLEARFW_CACHE_DIR at a folder of yours with 1 GiB of room"
            )
            raise KernelTreeError(msg) from error

    def get(self, key: str) -> Build | None:
        """Return the build of that key, if there is one."""
        return _read(self.builds / key)

    def keep(self, key: str, fill: Callable[[Path], Mapping[str, Any]]) -> Build:
        """Return the build that FILL puts into the folder it is given; it is kept whole, or not at all."""
        target = self.builds / key
        with scratch(self.builds, ".") as partial:
            about = fill(partial)
            (partial / _ABOUT).write_text(json.dumps(dict(about), indent=2))
            # Another run may have been as quick.
            shutil.rmtree(target, ignore_errors=True)
            partial.replace(target)
        return Build(target, about)

    def kept(self) -> list[Build]:
        """Return all builds, the newest first."""
        folders = sorted(self.builds.glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [build for folder in folders if (build := _read(folder))]

    def clean(self) -> int:
        """Remove it all and return the bytes of it; raises KernelTreeError where one is being built."""
        with contextlib.ExitStack() as locks:
            for workspace in self.workspaces.glob("*"):
                if not locks.enter_context(_lock(workspace, wait=False)):
                    msg = f"a kernel is being built in {workspace}: clean once that has ended"
                    raise KernelTreeError(msg)
            before = _usage(self.root)
            for folder in (self.builds, self.workspaces, self.unpacked, self.taken):
                shutil.rmtree(folder, ignore_errors=True)
            return before

    @contextlib.contextmanager
    def workspace(self, name: str, waiting: Callable[[], None]) -> Iterator[Path]:
        """Hold the workspace of that name; where another run does, call WAITING and wait."""
        folder = self.workspaces / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(folder, wait=False) as held:
            if held:
                yield folder
                return
        waiting()
        with _lock(folder, wait=True):
            yield folder

    def usage(self) -> int:
        """Return the bytes of all that is kept, workspaces and unpacked trees included."""
        return _usage(self.root)


def default_store() -> Store:
    """Return the store in the user's cache folder."""
    return Store(cache_dir() / "kernel")


def _read(folder: Path) -> Build | None:
    try:
        return Build(folder, json.loads((folder / _ABOUT).read_bytes()))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _lock(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Lock FOLDER for as long as this process lives, and say whether it could be had."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(descriptor)


def _usage(root: Path) -> int:
    total = 0
    for folder, _, names in os.walk(root):
        total += sum(os.lstat(Path(folder) / name).st_blocks * 512 for name in names)
    return total
