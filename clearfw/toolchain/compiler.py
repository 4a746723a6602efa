"""From a C source to a shared object: prebuilt, cached, or compiled now."""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw import files
from clearfw.errors import CompileError, NoCompilerError
from clearfw.toolchain import prebuilt
from clearfw.toolchain.complaints import missing_names
from clearfw.toolchain.source import Source, forward, headers_below, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOG = logging.getLogger(__name__)

INCLUDE_DIR = Path(__file__).parents[1] / "include"

# -ffreestanding: the kernel has no libc. What its Makefile (7.3) makes an error is one here, but for a frame
# that is too large: toolchain/frames.py tells that, with its size.
FLAGS = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffreestanding",
    "-fno-strict-aliasing",
    "-Wall",
    "-Werror=implicit-function-declaration",
    "-Werror=return-type",
    "-Werror=incompatible-pointer-types",
    "-Werror=int-conversion",
)
# What was declared, and strategy.h has not, is better met here than when it is loaded.
LINK_FLAGS = ("-shared", "-Wl,-z,defs")

# __FILE__ and what a debugger shows are the same wherever the folder is; what is elsewhere keeps its path.
_PREFIX_MAPS = ("-ffile-prefix-map={root}=", "-ffile-prefix-map={folder}/=")

# As the build makes the core, with 64-bit file offsets where an address has 32 bits.
_PROGRAM_FLAGS = ("-std=gnu11", "-O2", "-g", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64")
_PROGRAM_LIBRARIES = ("-lpthread", "-ldl")

_DIGEST_BYTES = hashlib.sha256().digest_size

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


def source_hash(source: Path | Source) -> str:
    """Return 12 hex digits that identify the contents of SOURCE; raises CompileError if it cannot be read."""
    return sha256(as_source(source).data)[:12]


def as_source(source: Path | Source) -> Source:
    """Return SOURCE, read from disk unless it was read before."""
    return source if isinstance(source, Source) else Source(source)


def compile_c(source: Path | Source, options: Sequence[str] = (), compiler: Compiler | None = None) -> Path:
    """Return SOURCE as a shared object for OPTIONS, compiled only where no intact one exists.

    COMPILER is another architecture's; without it the shared object is for this computer.
    Raises CompileError with the compiler's own words, and NoCompilerError where one is needed and missing.
    """
    source = as_source(source)
    if compiler is None and (built := prebuilt.find(source.path, identity(source, options))):
        return built
    compiler = compiler or find_compiler()
    return kept(
        cached_name(source, options, compiler), source.path, lambda: _compile(compiler, source, options)
    )


def inputs(source: Source, options: Sequence[str] = ()) -> list[str]:
    """Return what a strategy is compiled from: OPTIONS, clearfw's headers, and SOURCE by its own path."""
    return [*defines(options), f"-I{INCLUDE_DIR}", str(source.path)]


def build_program(compiler: Compiler, name: str, sources: Sequence[Path], include: Path) -> Path:
    """Return the program NAME of SOURCES and the headers in INCLUDE, built only where no intact one exists.

    Raises CompileError with the compiler's own words.
    """
    headers = [*headers_below(include, "**/*.h"), *headers_below(INCLUDE_DIR, "clearfw/*.h")]
    contents = [sha256(Source(path).data) for path in (*headers, *sources)]
    parts = [*contents, *_PROGRAM_FLAGS, *compiler.command, compiler.version]
    digest = hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()
    flags = [*_PROGRAM_FLAGS, f"-I{include}", f"-I{INCLUDE_DIR}", *map(str, sources), *_PROGRAM_LIBRARIES]
    program = kept(f"{name}-{digest}", sources[-1], lambda: run_compiler(compiler, None, flags))
    program.chmod(0o700)
    return program


def run_compiler(compiler: Compiler, source: Source | None, arguments: Sequence[str]) -> bytes:
    """Return what COMPILER makes of ARGUMENTS, as outputs() has it."""
    with outputs(compiler, source, arguments) as directory:
        return (directory / "out").read_bytes()


@contextlib.contextmanager
def outputs(compiler: Compiler, source: Source | None, arguments: Sequence[str]) -> Iterator[Path]:
    """Yield a directory with all that COMPILER makes of ARGUMENTS: `out`, and what it writes beside that.

    SOURCE is compiled as it was read, wherever ARGUMENTS have its path, and the kernel's headers that it
    includes lead to strategy.h. Raises CompileError with the compiler's own words.
    """
    with files.scratch() as scratch:
        root, directory = scratch / "root", scratch / "made"
        directory.mkdir()
        command = [*compiler.command, *_as_read(source, arguments, root), "-o", str(directory / "out")]
        environment = os.environ | {"LC_ALL": "C"}  # its words are read again
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, env=environment
        )
        # The compiler gets copies, but its messages must name the original files.
        stderr = done.stderr.replace(f"{root}/", "/")
        if done.returncode:
            about, text = (source.about, source.text) if source else (arguments[-1], "")
            raise CompileError(about, stderr, missing_names(stderr, text))
        if stderr:
            LOG.warning("%s", stderr.rstrip())
        yield directory


def _as_read(source: Source | None, arguments: Sequence[str], root: Path) -> Iterator[str]:
    """Yield ARGUMENTS with SOURCE's path replaced by a copy's below ROOT, and what that makes needful."""
    if source is None:
        yield from arguments
        return
    copy = str(source.write_to(root))
    forward(source.kernel_headers(), root.parent / "headers")
    yield f"-I{root.parent / 'headers'}"
    yield from (one.format(root=root, folder=Path(copy).parent) for one in _PREFIX_MAPS)
    yield from (copy if argument == str(source.path) else argument for argument in arguments)


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


@functools.cache
def _header_digests() -> tuple[str, ...]:
    # Those of a size alone are in a folder of their own.
    return tuple(sha256(path.read_bytes()) for path in headers_below(INCLUDE_DIR, "clearfw/*.h"))


def identity(source: Path | Source, options: Sequence[str]) -> str:
    """Return the identity of a shared object without its compiler: headers, SOURCE and OPTIONS.

    Raises CompileError if one cannot be read.
    """
    return " ".join([*_header_digests(), sha256(as_source(source).data), " ".join(options)])


def cached_name(
    source: Source, options: Sequence[str], compiler: Compiler, flags: Sequence[str] = (*FLAGS, *LINK_FLAGS)
) -> str:
    """Return the name in the cache of SOURCE as COMPILER makes it for OPTIONS with FLAGS."""
    parts = [
        identity(source, options),
        *map(sha256, source.headers.values()),
        *flags,
        *_PREFIX_MAPS,
        *compiler.command,
        compiler.version,
    ]
    return f"{source.path.stem}-{sha256(chr(10).join(parts).encode(errors='surrogateescape'))}.so"


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


def _compile(compiler: Compiler, source: Source, options: Sequence[str]) -> bytes:
    return run_compiler(compiler, source, [*FLAGS, *LINK_FLAGS, *inputs(source, options)])


def kept(name: str, source: Path, make: Callable[[], bytes]) -> Path:
    """Return the file NAME of the cache, made by MAKE where no intact one exists; raises CompileError."""
    for directory in (cache_dir(), *_fallback):
        if _is_intact(directory / name):
            return directory / name
    try:
        return _keep(name, make())
    except OSError as error:
        advice = f"{error}: free some space, or point TMPDIR at a writable directory"
        raise CompileError(str(source), advice) from error


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
