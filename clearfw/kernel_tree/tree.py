"""A kernel tree of the user's, which is only ever read: which version it is, and what is in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import KernelTreeError
from clearfw.kernel_tree.process import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What every tree has that clearfw can build.
_LANDMARKS = ("Makefile", "Kbuild", "mm/page_alloc.c", "arch/um/Makefile")
# What a build leaves in a tree, for one that has no git to tell it apart. Dot files are left out as well.
_BUILT_SUFFIXES = frozenset({".a", ".cmd", ".ko", ".mod", ".o", ".order", ".symvers", ".unstripped"})
_BUILT_NAMES = frozenset({"System.map", "linux", "modules.builtin", "modules.builtin.modinfo", "vmlinux"})
_BUILT_FOLDERS = re.compile(r"(^|/)include/(config|generated)(/|$)")
_ASSIGNMENT = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(.*?) *$", re.MULTILINE)
_TARBALL = re.compile(r"\.tar(\.(xz|gz|bz2|zst))?$")


@attrs.frozen
class State:
    """What a file was like: its bytes and when it was last written, in nanoseconds."""

    nbytes: int
    mtime_ns: int


@attrs.frozen
class Tree:
    """A kernel tree at `path`, an absolute path; `version` is its Makefile's."""

    path: Path
    version: str

    def files(self) -> dict[str, State]:
        """Return its sources by their path in the tree, as they are now, uncommitted changes and all."""
        found = {}
        for name in self._names():
            state = _state(self.path / name)
            if state is not None:
                found[name] = state
        return found

    def read(self, name: str) -> str:
        """Return the text of a file, or "" where the tree has none of that name."""
        try:
            return (self.path / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _names(self) -> Iterator[str]:
        listed = _listed_by_git(self.path)
        return _walk(self.path) if listed is None else iter(listed)


def find(path: Path, unpacked: Path) -> Tree:
    """Return the kernel tree at PATH, a folder or a tarball; the latter is unpacked once, under UNPACKED.

    Raises KernelTreeError where there is none that clearfw can build.
    """
    if not path.exists():
        msg = f"{path} asked for, there is no such file or folder: give the path of a kernel tree"
        raise KernelTreeError(msg)
    root = _unpack(path, unpacked) if path.is_file() else path.resolve()
    missing = [name for name in _LANDMARKS if not (root / name).is_file()]
    if missing:
        msg = f"{path} has no {missing[0]}: give the top of a Linux kernel tree, or a linux-source tarball"
        raise KernelTreeError(msg)
    return Tree(root, _version(root))


def fingerprint(files: Mapping[str, State]) -> str:
    """Return a digest of a tree's files as they are."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {files[name].nbytes} {files[name].mtime_ns}\n".encode())
    return digest.hexdigest()


def changed(before: Mapping[str, State], after: Mapping[str, State]) -> list[str]:
    """Return which files differ between two looks at a tree."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _version(root: Path) -> str:
    parts: dict[str, str] = dict(_ASSIGNMENT.findall((root / "Makefile").read_text(errors="replace")[:4096]))
    if not parts.get("VERSION") or not parts.get("PATCHLEVEL"):
        msg = f"{root}/Makefile names no VERSION and PATCHLEVEL: give the top of a Linux kernel tree"
        raise KernelTreeError(msg)
    numbers = [parts["VERSION"], parts["PATCHLEVEL"], parts.get("SUBLEVEL", "")]
    return ".".join(filter(None, numbers)) + parts.get("EXTRAVERSION", "")


def _state(path: Path) -> State | None:
    try:
        # Not lstat: what a link leads to is what is compiled.
        found = path.stat()
    except FileNotFoundError:
        return None
    return None if path.is_dir() else State(found.st_size, found.st_mtime_ns)


def _listed_by_git(root: Path) -> list[str] | None:
    """Return what git tracks and does not ignore, or None where ROOT is not the top of a git tree."""
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    if done.returncode:
        return None
    return sorted({os.fsdecode(name) for name in done.stdout.split(b"\0") if name})


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else f"{here}/"
        folders[:] = [one for one in folders if _is_source(f"{prefix}{one}", folder=True)]
        yield from (f"{prefix}{one}" for one in names if _is_source(f"{prefix}{one}"))


def _is_source(name: str, *, folder: bool = False) -> bool:
    base = name.rpartition("/")[2]
    if base.startswith(".") or _BUILT_FOLDERS.search(name):
        return False
    return folder or not (base in _BUILT_NAMES or PurePath(base).suffix in _BUILT_SUFFIXES)


def _unpack(tarball: Path, unpacked: Path) -> Path:
    if not _TARBALL.search(tarball.name):
        msg = f"{tarball} is no folder and no .tar.xz: give a kernel tree, or a linux-source tarball"
        raise KernelTreeError(msg)
    found = tarball.stat()
    key = hashlib.sha256(f"{tarball.name} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]
    target = unpacked / f"{_TARBALL.sub('', tarball.name)}-{key}"
    if not target.is_dir():
        _run_tar(tarball, target)
    tops = list(target.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else target


def _run_tar(tarball: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent, ".") as partial:
        command = ["tar", "-xf", str(tarball.absolute()), "-C", str(partial)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            msg = f"{tarball} does not unpack into {target.parent} ({last}): give a whole tarball, or room"
            raise KernelTreeError(msg)
        partial.replace(target)
