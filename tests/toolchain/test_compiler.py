"""Shared objects: found, compiled, kept, and what happens when that fails."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from clearfw.errors import CompileError, NoCompilerError
from clearfw.toolchain import compiler, prebuilt
from clearfw.toolchain.compiler import (
    INCLUDE_DIR,
    cache_dir,
    compile_c,
    find_compiler,
    source_hash,
)

if TYPE_CHECKING:
    from collections.abc import Callable

STRATEGY = """
#include <clearfw/strategy.h>
static void f(struct page *page, int numpages) { clear_pages(page_address(page), numpages); }
CLEARFW_STRATEGY(mine, .kernel_init_pages = f);
"""


OPTIONS = ["PAGE_SHIFT=12", "CONFIG_HIGHMEM=1"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(directory))
    monkeypatch.setattr(compiler, "_fallback", [])
    return directory


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A C strategy."""
    path = tmp_path / "mine.c"
    path.write_text(STRATEGY)
    return path


def refuse(*_args: object) -> NoReturn:
    """Stand in for the compiler where it must not run."""
    pytest.fail("compiled again")


def exported_name(path: Path) -> bytes:
    """Return the name in the strategy record that the loader sees in PATH."""

    class Head(ctypes.Structure):
        _fields_ = (("abi", ctypes.c_uint32), ("size", ctypes.c_uint32), ("name", ctypes.c_char_p))

    return bytes(Head.in_dll(ctypes.CDLL(str(path)), "clearfw_strategy").name)


def test_the_result_is_a_loadable_strategy(source: Path, cache: Path) -> None:
    """A source becomes a shared object in the cache, and the loader does not mind the digest at its end."""
    path = compile_c(source)

    assert cache == path.parent
    assert exported_name(path) == b"mine"


def test_a_second_call_compiles_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same source, options and compiler are compiled once."""
    first = compile_c(source, ["PAGE_SHIFT=14"])
    monkeypatch.setattr(compiler, "_compile", refuse)

    assert first == compile_c(source, ["PAGE_SHIFT=14"])


def test_each_set_of_options_has_a_shared_object_of_its_own(source: Path) -> None:
    """One source, compiled for two configurations, gives two files."""
    assert compile_c(source, ["PAGE_SHIFT=12"]) != compile_c(source, ["PAGE_SHIFT=14"])


def test_an_option_is_a_compile_time_constant(source: Path) -> None:
    """IS_ENABLED() of an option may stand in a static assertion, as in the kernel."""
    source.write_text(f'{STRATEGY}_Static_assert(IS_ENABLED(CONFIG_HIGHMEM), "HIGHMEM");\n')

    compile_c(source, ["CONFIG_HIGHMEM=1"])
    with pytest.raises(CompileError, match='static assertion failed: "HIGHMEM"'):
        compile_c(source)


def test_an_edited_source_is_compiled_again(source: Path) -> None:
    """The cache goes by content."""
    first = compile_c(source)
    source.write_text(STRATEGY.replace("mine", "other"))

    assert exported_name(compile_c(source)) == b"other"
    assert first != compile_c(source)


def test_an_edited_header_of_ones_own_is_compiled_again(source: Path) -> None:
    """So it does for what the source includes by a quoted path, and what that includes in turn."""
    directory = source.parent / "mine"
    directory.mkdir()
    (directory / "a.h").write_text('#pragma once\n#include "../mine/b.h"\n')
    (directory / "b.h").write_text('#pragma once\n#include "../mine/a.h"\n')
    source.write_text('#include "mine/a.h"\n' + STRATEGY)
    first = compile_c(source)

    (directory / "b.h").write_text("#define NUMBER 2\n")

    assert first != compile_c(source)


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda data: data[:-100], lambda data: data[:64] + b"\xff" + data[65:]]
)
def test_a_damaged_file_in_the_cache_is_compiled_again(
    source: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Neither an empty, nor a truncated, nor an altered shared object is ever handed out."""
    path = compile_c(source)
    path.write_bytes(damage(path.read_bytes()))

    assert path == compile_c(source)
    assert exported_name(path) == b"mine"


def test_a_prebuilt_file_needs_no_compiler(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a package installed beside the source is taken as it is, by the key that the build computes."""
    built = built_beforehand(source)
    record(source.parent, source, built)
    monkeypatch.syspath_prepend(source.parent)
    monkeypatch.setenv("CC", "no-such-compiler")

    assert built == compile_c(source, OPTIONS)
    assert built == prebuilt.path(source, compiler.identity(source, OPTIONS))


def built_beforehand(source: Path) -> Path:
    """Put a library where a build would, by the key as csrc/CMakeLists.txt computes it."""
    headers = sorted(INCLUDE_DIR.glob("clearfw/*.h"))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in [*headers, source]]
    parts = ["-ffreestanding -fno-strict-aliasing -Wall", *digests, *OPTIONS]
    key = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
    built = source.parent / "prebuilt" / f"mine-{key}.so"
    built.parent.mkdir()
    built.write_bytes(b"as it is")
    return built


def record(directory: Path, *files: Path) -> None:
    """Write what a distribution installed, as pip does."""
    lines = [f"{path.relative_to(directory)},{prebuilt._digest(path)},1\n" for path in files]
    (directory / "mine-1.dist-info").mkdir()
    (directory / "mine-1.dist-info" / "RECORD").write_text("".join(lines))


@pytest.mark.parametrize("planted", ["no record", "not on the path", "another library", "current folder"])
def test_a_planted_library_is_never_run(
    planted: str, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside a C file of a download, or changed since it was installed: the C file is compiled."""
    built = built_beforehand(source)
    if planted != "no record":
        record(source.parent, source, built)
    if planted != "not on the path":
        monkeypatch.syspath_prepend(source.parent)
    if planted == "another library":
        built.write_bytes(b"as it is not")
    if planted == "current folder":
        monkeypatch.chdir(tmp_path)

    path = compile_c(source, OPTIONS)

    assert path != built
    assert exported_name(path) == b"mine"


def test_without_a_compiler_the_error_says_what_was_looked_for(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No compiler on PATH: the message names those tried, and what to do."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(source.parent))

    with pytest.raises(NoCompilerError, match=r"looked for cc, gcc and clang .* install gcc, or set CC"):
        compile_c(source)


def test_a_wrong_cc_is_not_passed_over(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CC decides, even where another compiler is at hand."""
    monkeypatch.setenv("CC", "no-such-compiler")

    with pytest.raises(NoCompilerError, match="looked for CC=no-such-compiler on PATH"):
        compile_c(source)


def test_cc_may_carry_arguments(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CC is split as a shell would, and stands in the compiler's identity."""
    monkeypatch.delenv("CC", raising=False)
    plain = compile_c(source)
    monkeypatch.setenv("CC", "cc -DSPECIAL")

    assert find_compiler().command[1:] == ("-DSPECIAL",)
    assert plain != compile_c(source)


def test_a_compiler_that_does_not_run_is_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executable file that is not a program gets another message than a missing one."""
    broken = tmp_path / "broken-cc"
    broken.write_bytes(b"\x7fELF no more")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))

    with pytest.raises(NoCompilerError, match="broken-cc does not run"):
        compile_c(source)


def test_a_compile_error_is_shown_as_it_is(source: Path) -> None:
    """The compiler's own text, file and line comes through."""
    source.write_text(STRATEGY.replace("numpages);", "numpages)"))

    with pytest.raises(CompileError, match=r"mine\.c:3:\d+: error: expected") as caught:
        compile_c(source)
    assert str(source) == caught.value.source
    assert caught.value.stderr in str(caught.value)


def test_a_function_the_header_lacks_is_a_compile_error(source: Path) -> None:
    """It is met by the compiler, by line, and not by the loader."""
    source.write_text(STRATEGY.replace("clear_pages(", "clear_all_pages("))

    with pytest.raises(CompileError, match=r"mine\.c:3:\d+: error: implicit declaration"):
        compile_c(source)


def test_warnings_are_logged(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A source that compiles with a warning says so once."""
    source.write_text(STRATEGY + "static int unused;\n")

    compile_c(source)
    compile_c(source)

    assert ["unused" in record.getMessage() for record in caplog.records] == [True]


def test_a_missing_source_is_a_clear_error(tmp_path: Path) -> None:
    """No traceback of the file system's."""
    with pytest.raises(CompileError, match=r"gone\.c .*\n?No such file or directory: give the path"):
        compile_c(tmp_path / "gone.c")


def test_a_cache_that_cannot_be_written_is_warned_of_once(
    source: Path, cache: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result goes to a private directory, and stays there for the process."""
    cache.write_text("a file where the directory should be")

    path = compile_c(source)
    compile_c(source, ["CONFIG_HIGHMEM=1"])
    monkeypatch.setattr(compiler, "_compile", refuse)

    assert path == compile_c(source)
    assert exported_name(path) == b"mine"
    assert len(caplog.records) == 1
    assert "CLEARFW_CACHE_DIR" in caplog.text


def test_a_full_disk_leaves_nothing_behind(
    source: Path, cache: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cache runs out of space the private directory serves, and no half file stays."""
    fdopen = os.fdopen

    def full(descriptor: int, _mode: str) -> object:
        monkeypatch.setattr(os, "fdopen", fdopen)
        os.close(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdopen", full)

    path = compile_c(source)

    assert exported_name(path) == b"mine"
    assert list(cache.iterdir()) == []
    assert "No space left on device" in caplog.text


def test_no_temporary_directory_is_a_clear_error(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nowhere at all to write, the message says what to do."""

    def full(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)

    with pytest.raises(CompileError, match="No space left on device: free some space, or point TMPDIR"):
        compile_c(source)


def test_many_at_a_time_agree(source: Path, cache: Path) -> None:
    """Compiled by several at once, the file is whole, and the only one there."""
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(compile_c, [source] * 4))

    assert list(cache.iterdir()) == list(paths)
    assert exported_name(paths.pop()) == b"mine"


def test_the_users_cache_directory_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$XDG_CACHE_HOME, then ~/.cache; and a user without a home gets a directory for the process."""
    monkeypatch.delenv("CLEARFW_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "clearfw" == cache_dir()

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".cache" / "clearfw" == cache_dir()

    def homeless() -> NoReturn:
        msg = "no home"
        raise RuntimeError(msg)

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_dir().is_dir()


def test_a_source_hash_is_of_the_content(source: Path) -> None:
    """Twelve hex digits of its SHA-256."""
    assert hashlib.sha256(STRATEGY.encode()).hexdigest()[:12] == source_hash(source)


@pytest.mark.parametrize("spoilt", ["directory", "file"])
def test_what_others_may_write_is_not_run(spoilt: str, source: Path, cache: Path) -> None:
    """A cache, or a file in it, that others may write: the private directory serves instead."""
    path = compile_c(source)
    (cache if spoilt == "directory" else path).chmod(0o777)

    again = compile_c(source)

    assert (again.stat().st_mode & 0o077) == 0
    assert (again.parent.stat().st_mode & 0o777) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_cache_is_not_used(source: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As sudo keeps $HOME: what lies there is that user's to change."""
    compile_c(source)
    for path in (*cache.iterdir(), cache):
        os.chown(path, 12345, -1)

    again = compile_c(source)

    assert not again.is_relative_to(cache)
    assert caplog.text.count("belongs to user 12345, and this process to user 0") == 1


def test_the_cache_is_for_this_user_only(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever umask says, and for what is missing above it as well."""
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(cache / "below" / "it"))
    before = os.umask(0)
    try:
        path = compile_c(source)
    finally:
        os.umask(before)

    modes = [one.stat().st_mode & 0o777 for one in (cache, cache / "below", cache / "below" / "it", path)]
    assert modes == [0o700, 0o700, 0o700, 0o600]
