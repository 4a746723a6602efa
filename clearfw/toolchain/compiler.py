"""From a C source to a shared object: prebuilt, cached, or compiled now."""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import hashlib
import logging
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw import files
from clearfw.errors import CompileError, NoCompilerError
from clearfw.toolchain import prebuilt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOG = logging.getLogger(__name__)

INCLUDE_DIR = Path(__file__).parents[1] / "include"

# -ffreestanding: the kernel has no libc. The implicit declaration of a function that the
# kernel has and strategy.h lacks is better met here than as an undefined symbol at load time.
FLAGS = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-ffreestanding",
    "-fno-strict-aliasing",
    "-Wall",
    "-Werror=implicit-function-declaration",
)

# As the build makes the core, with 64-bit file offsets where an address has 32 bits.
_PROGRAM_FLAGS = ("-std=gnu11", "-O2", "-g", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64")
_PROGRAM_LIBRARIES = ("-lpthread", "-ldl")

_DIGEST_BYTES = hashlib.sha256().digest_size
_QUOTED_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

# Where compiled files go once the cache has turned out not to be writable: at most one entry.
_fallback: list[Path] = []


@attrs.frozen
class Compiler:
    """A C compiler: its command, and the first line of its --version."""

    command: tuple[str, ...]
    version: str


def find_compiler() -> Compiler:
    """Return $CC, or else cc, gcc or clang from PATH; raises NoCompilerError where there is none."""
    return _probe(os.environ.get("CC", ""), os.environ.get("PATH", ""))


@functools.cache
def probe(command: tuple[str, ...]) -> Compiler:
    """Return the compiler that COMMAND runs, another architecture's as a rule; raises NoCompilerError."""
    return Compiler(command, _version(command))


def print_file_name(compiler: Compiler, name: str) -> str:
    """Return the path of a library's file NAME as COMPILER finds it, or NAME itself where it does not."""
    command = [*compiler.command, f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def defines(options: Sequence[str]) -> list[str]:
    """Return the compiler's arguments for OPTIONS such as "CONFIG_HIGHMEM=1"."""
    return [f"-D{option}" for option in options]


def source_hash(source: Path) -> str:
    """Return 12 hex digits that identify the contents of SOURCE; raises CompileError if it cannot be read."""
    return _sha256(source)[:12]


def read_source(source: Path) -> str:
    """Return the text of SOURCE; raises CompileError if it cannot be read."""
    return _read(source).decode(errors="replace")


def compile_c(source: Path, options: Sequence[str] = (), compiler: Compiler | None = None) -> Path:
    """Return SOURCE as a shared object for OPTIONS, compiled only where no intact one exists.

    COMPILER is another architecture's; without it the shared object is for this computer.
    Raises CompileError with the compiler's own words, and NoCompilerError where one is needed and missing.
    """
    if compiler is None and (built := prebuilt.find(source, identity(source, options))):
        return built
    compiler = compiler or find_compiler()
    name = _cached_name(source, options, compiler)
    return _kept(name, str(source), lambda: _compile(compiler, source, options))


def build_program(compiler: Compiler, name: str, sources: Sequence[Path], include: Path) -> Path:
    """Return the program NAME of SOURCES and the headers in INCLUDE, built only where no intact one exists.

    Raises CompileError with the compiler's own words.
    """
    headers = [*sorted(include.rglob("*.h")), *sorted(INCLUDE_DIR.rglob("*.h"))]
    parts = [*map(_sha256, [*headers, *sources]), *_PROGRAM_FLAGS, *compiler.command, compiler.version]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    flags = [*_PROGRAM_FLAGS, f"-I{include}", f"-I{INCLUDE_DIR}", *map(str, sources), *_PROGRAM_LIBRARIES]
    program = _kept(
        f"{name}-{digest}", str(sources[-1]), lambda: run_compiler(compiler, str(sources[-1]), flags)
    )
    program.chmod(0o700)
    return program


def run_compiler(compiler: Compiler, source: str, arguments: Sequence[str]) -> bytes:
    """Return what COMPILER makes of ARGUMENTS; raises CompileError for SOURCE with its own words."""
    with files.scratch() as scratch:
        target = scratch / "out"
        done = subprocess.run(
            [*compiler.command, *arguments, "-o", str(target)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise CompileError(source, done.stderr)
        if done.stderr:
            LOG.warning("%s", done.stderr.rstrip())
        return target.read_bytes()


def cache_dir() -> Path:
    """Return where compiled files are kept: $CLEARFW_CACHE_DIR, or else the user's cache directory."""
    if chosen := os.environ.get("CLEARFW_CACHE_DIR"):
        return Path(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "clearfw"
    try:
        return Path.home() / ".cache" / "clearfw"
    except RuntimeError:  # a user without a home, as containers have them
        return _private_dir()


@functools.cache
def _probe(chosen: str, path: str) -> Compiler:
    for candidate in [chosen] if chosen else ["cc", "gcc", "clang"]:
        program, *arguments = shlex.split(candidate)
        if found := shutil.which(program, path=path):
            command = (found, *arguments)
            return Compiler(command, _version(command))
    asked = f"CC={chosen}" if chosen else "cc, gcc and clang"
    msg = f"no C compiler: looked for {asked} on PATH and found none; install gcc, or set CC"
    raise NoCompilerError(msg)


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        msg = f"no C compiler: {shlex.join(command)} does not run ({error}); install gcc, or set CC"
        raise NoCompilerError(msg) from error
    return done.stdout.partition("\n")[0]


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise CompileError(str(source), f"{error.strerror}: give the path of a C file") from error


def _sha256(source: Path) -> str:
    return hashlib.sha256(_read(source)).hexdigest()


def identity(source: Path, options: Sequence[str]) -> str:
    """Return what a shared object is made of, its compiler left out: headers, SOURCE and OPTIONS.

    Raises CompileError if one cannot be read.
    """
    headers = [INCLUDE_DIR / "clearfw" / "abi.h", INCLUDE_DIR / "clearfw" / "strategy.h"]
    return " ".join([*map(_sha256, headers), _sha256(source), " ".join(options)])


def _cached_name(source: Path, options: Sequence[str], compiler: Compiler) -> str:
    parts = [
        identity(source, options),
        *map(_sha256, own_headers(source)),
        *FLAGS,
        *compiler.command,
        compiler.version,
    ]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{source.stem}-{digest}.so"


def own_headers(source: Path) -> Iterator[Path]:
    """Yield what SOURCE includes by a quoted path, directly or not: an edit there makes another object.

    Raises CompileError if one cannot be read.
    """
    seen: set[Path] = set()
    pending = [source]
    while pending:
        includer = pending.pop()
        for name in _QUOTED_INCLUDE.findall(_read(includer)):
            header = (includer.parent / os.fsdecode(name)).resolve()
            if header not in seen and header.is_file():
                seen.add(header)
                pending.append(header)
                yield header


def _is_intact(path: Path) -> bool:
    # Code of another user is never run: not in a directory, nor in a file, that others may write.
    # The last bytes of a kept file are the digest of the others; the loader ignores them.
    try:
        if files.distrust(path.parent) or files.distrust(path):
            return False
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-_DIGEST_BYTES]).digest() == data[-_DIGEST_BYTES:]


def _compile(compiler: Compiler, source: Path, options: Sequence[str]) -> bytes:
    return run_compiler(compiler, str(source), [*FLAGS, *defines(options), f"-I{INCLUDE_DIR}", str(source)])


def _kept(name: str, source: str, make: Callable[[], bytes]) -> Path:
    for directory in (cache_dir(), *_fallback):
        if _is_intact(directory / name):
            return directory / name
    try:
        return _keep(name, make())
    except OSError as error:
        advice = f"{error}: free some space, or point TMPDIR at a writable directory"
        raise CompileError(source, advice) from error


def _keep(name: str, data: bytes) -> Path:
    directory = cache_dir()
    try:
        return _store(directory / name, data)
    except OSError as error:
        if not _fallback:
            _fallback.append(_private_dir())
            LOG.warning(
                "cannot use the cache %s (%s): compiling anew in every process; "
                "point CLEARFW_CACHE_DIR at a directory that only you can write",
                directory,
                error.strerror,
            )
        return _store(_fallback[0] / name, data)


def _store(target: Path, data: bytes) -> Path:
    # Others may store the same file at the same time: each renames a whole one into place.
    files.private_directory(target.parent)
    if reason := files.distrust(target.parent):
        raise PermissionError(errno.EPERM, reason)
    with files.replacing(target) as file:
        file.write(data + hashlib.sha256(data).digest())
    target.chmod(0o600)
    return target


@functools.cache
def _private_dir() -> Path:
    held = contextlib.ExitStack()
    directory = held.enter_context(files.scratch())
    atexit.register(_leave, held, os.getpid())
    return directory


def _leave(held: contextlib.ExitStack, owner: int) -> None:
    if os.getpid() == owner:  # and not a child that was forked
        held.close()
