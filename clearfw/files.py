"""Files that are written: beside the old one, whose place they take when they are whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import glob
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clearfw.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = ".clearfw-"
_SCRATCH = "clearfw-tmp-"
# Not regular files, whatever they lead to: a rename would replace the name itself.
_DEVICES = ("/dev/", "/proc/")


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[BinaryIO]:
    """Give a new file to write, which takes PATH's place at the end; after an exception PATH is as it was.

    A device or pipe is written directly. Raises OSError that names PATH, and OutputError for a symbolic
    link that somebody else made.
    """
    new = NewFile(path)
    try:
        yield new.file
        new.keep()
    except OSError as error:
        new.drop()
        raise new.blamed(error) from error
    except BaseException:
        new.drop()
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write TEXT in UTF-8 as replacing() does; what cannot be encoded is written as a question mark."""
    with replacing(path) as file:
        file.write(text.encode(errors="replace"))


class NewFile:
    """A file that is being written, and becomes PATH when it is kept.

    Attributes:
        asked: the path as it was asked for.
        file: what to write to, in binary.

    """

    def __init__(self, path: Path | str, *, in_place: bool = False) -> None:
        """Open it. IN_PLACE: where PATH does not exist, write there: a crash leaves what was written."""
        self.asked = Path(path)
        self._target = _destination(self.asked)
        self._temporary: Path | None = None
        try:
            self.file: BinaryIO = os.fdopen(self._open(in_place=in_place), "wb")
        except OSError as error:
            self._forget()
            raise self.blamed(error) from error

    def keep(self) -> None:
        """Close it, and put it in PATH's place."""
        self.file.close()
        if self._temporary is not None:
            self._temporary.replace(self._target)
            self._temporary = None

    def drop(self) -> None:
        """Close it, and leave PATH as it was; what was begun in place stays."""
        with contextlib.suppress(OSError):  # what is still buffered may not fit either
            self.file.close()
        self._forget()

    def blamed(self, error: OSError) -> OSError:
        """Return ERROR as one of PATH, and not of the file beside it."""
        if error.errno is None:
            return error
        return OSError(error.errno, os.strerror(error.errno), str(self.asked))

    def _open(self, *, in_place: bool) -> int:
        if is_device(self.asked):
            return os.open(self.asked, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if in_place and not self._target.exists():
            return _create(self._target)
        _sweep(self._target)
        descriptor, self._temporary = _beside(self._target)
        _take_over(self._target, descriptor)
        return descriptor

    def _forget(self) -> None:
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None


def open_input(path: Path | str) -> BinaryIO:
    """Return the regular file at PATH, or the pipe of a process, opened to read.

    Raises OSError, and InputError for what need not end: a device, or a named pipe that nobody may write to.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_endless(path, os.fstat(descriptor))
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_input(path: Path | str, most: int) -> bytes:
    """Return what open_input() gives, of MOST bytes; raises InputError for more."""
    with open_input(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        msg = f"{path} has more than {most >> 20}M: give what clearfw wrote"
        raise InputError(msg)
    return data


def is_device(path: Path) -> bool:
    """Return whether PATH is written as it is: a device, a pipe, or a name for an open file."""
    if str(path.absolute()).startswith(_DEVICES) and not str(path.absolute()).startswith("/dev/shm/"):  # noqa: S108
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a temporary directory of this process; those that killed processes left are removed first."""
    _sweep_scratch(tempfile.gettempdir())
    directory, descriptor = _locked_directory()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def _locked_directory() -> tuple[Path, int]:
    """Make a directory and lock it. Until it is locked, another process may take it for a dead one's."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_SCRATCH))
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return directory, descriptor
        os.close(descriptor)


def private_directory(path: Path) -> None:
    """Make PATH and what is missing above it, for this user only; raises OSError."""
    missing = [path, *path.parents]
    for directory in reversed([one for one in missing if not one.exists()]):
        with contextlib.suppress(FileExistsError):  # another process was first
            directory.mkdir(mode=0o700)


def distrust(path: Path) -> str:
    """Return why what lies at PATH cannot be trusted, "" where it can: it is this user's or root's alone.

    Raises OSError.
    """
    found = path.stat()
    if found.st_uid not in {0, os.geteuid()}:
        return f"belongs to user {found.st_uid}, and this process to user {os.geteuid()}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be written by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""


def _refuse_endless(path: Path | str, about: os.stat_result) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not (stat.S_ISREG(about.st_mode) or (stat.S_ISFIFO(about.st_mode) and _is_of_a_process(about))):
        kind = "a named pipe" if stat.S_ISFIFO(about.st_mode) else "a device"
        msg = f"{path} is {kind}, and need not end: give a regular file"
        raise InputError(msg)


def _is_of_a_process(about: os.stat_result) -> bool:
    """Return whether a pipe has no name in a file system, as a shell's <(command)."""
    ends = os.pipe()
    try:
        return os.fstat(ends[0]).st_dev == about.st_dev
    finally:
        for end in ends:
            os.close(end)


def _destination(path: Path) -> Path:
    """Return the file that PATH stands for: a link is followed where this user or root made it."""
    for _ in range(40):  # as many links as the kernel follows: fs/namei.c, MAXSYMLINKS
        try:
            about = path.lstat()
        except OSError:
            return path
        if not stat.S_ISLNK(about.st_mode):
            return path
        if about.st_uid not in {0, os.geteuid()}:
            msg = f"{path} is a symbolic link that user {about.st_uid} made: name the file itself"
            raise OutputError(msg)
        path = path.parent / path.readlink()
    return path


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _beside(path: Path) -> tuple[int, Path]:
    """Return a new file in PATH's directory, locked: a lock that is free is a dead writer's."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}{_MARK}", dir=path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # nobody took it for a dead writer's before it was locked
            return descriptor, Path(name)
        os.close(descriptor)


def _take_over(path: Path, descriptor: int) -> None:
    """Give the new file the mode, and where this user may the owner, of the old; else what umask says."""
    try:
        old = path.lstat()
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(descriptor, 0o666 & ~umask)
        return
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


def _sweep(path: Path) -> None:
    """Remove the unfinished files of dead writers beside PATH."""
    for left in path.parent.glob(f".{glob.escape(path.name[:100])}{_MARK}*"):
        with contextlib.suppress(OSError):
            if _is_abandoned(left, os.O_RDONLY):
                left.unlink()


@functools.cache
def _sweep_scratch(directory: str) -> None:
    for left in Path(directory).glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):
            if _is_abandoned(left, os.O_RDONLY | os.O_DIRECTORY):
                shutil.rmtree(left, ignore_errors=True)


def _is_abandoned(path: Path, flags: int) -> bool:
    """Return whether PATH is this user's, and no living process has locked it; raises OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
