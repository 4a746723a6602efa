"""Processes that are killed half-way, and disks that are full or read-only: the next run works."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from clearfw.toolchain import compiler
from clearfw.toolchain.compiler import compile_c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STRATEGY = """
#include <clearfw/strategy.h>
static void f(struct page *page, int numpages) { clear_pages(page_address(page), numpages); }
CLEARFW_STRATEGY(mine, .kernel_init_pages = f);
"""
WORK = {
    "compile": """
import sys, pathlib
from clearfw.toolchain.compiler import compile_c
for i in range(int(sys.argv[2])):
    print(compile_c(pathlib.Path(sys.argv[1]), [f"VARIANT={i}"]), flush=True)
""",
    "calibration": """
from clearfw import primitives
primitives._ROUNDS = 2
print("measuring", flush=True)
print(primitives.calibration().best, flush=True)
""",
    "bench": """
import sys
from clearfw.cli import main
print("measuring", flush=True)
options = ["--memory", "64M", "--rounds", "2", "--primitive", "kernel"]
sys.argv = ["clearfw", "bench", "per_page", sys.argv[1], *options]
main()
""",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A strategy in C."""
    path = tmp_path / "mine.c"
    path.write_text(STRATEGY)
    return path


def start(work: str, source: Path) -> subprocess.Popen[bytes]:
    """Begin WORK in a process, its cache and its temporary files in the test's own directory."""
    (source.parent / "tmp").mkdir(exist_ok=True)
    own = {"CLEARFW_CACHE_DIR": str(source.parent / "cache"), "TMPDIR": str(source.parent / "tmp")}
    command = [sys.executable, "-c", WORK[work], source, "3"]
    return subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("work", WORK)
def test_a_killed_process_leaves_nothing_that_breaks_the_next(work: str, source: Path) -> None:
    """Killed at several moments; what it kept is whole, and all can be done again."""
    for delay in (0.0, 0.02, 0.1, 0.3):
        process = start(work, source)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    process = start(work, source)
    printed, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors.decode()
    assert printed
    for kept in (source.parent / "cache").glob("*.so"):
        assert compiler._is_intact(kept)


MOUNT = shutil.which("mount") or "mount"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KiB, as root may mount one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=16k,mode=700", "clearfw-test", directory]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield directory
    subprocess.run([shutil.which("umount") or "umount", directory], check=True)


@pytest.fixture
def full_disk(small_disk: Path, source: Path) -> tuple[Path, str]:
    """One with less room than the compiled file takes."""
    ballast = "static const char b[20000] = { 1 };\nconst void *ballast(void) { return b; }\n"
    source.write_text(ballast + STRATEGY)
    return small_disk, "No space left on device"


@pytest.fixture
def read_only_disk(small_disk: Path) -> tuple[Path, str]:
    """One that takes nothing."""
    subprocess.run([MOUNT, "-o", "remount,ro", small_disk], check=True)
    return small_disk, "Read-only file system"


@pytest.mark.parametrize("disk", ["full_disk", "read_only_disk"])
def test_a_cache_on_a_disk_without_room_is_done_without(
    disk: str,
    source: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The private directory serves, one warning says why, and no half file stays."""
    directory, reason = request.getfixturevalue(disk)
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(directory))
    monkeypatch.setattr(compiler, "_fallback", [])

    path = compile_c(source)

    assert compiler._is_intact(path)
    assert not path.is_relative_to(directory)
    assert list(directory.iterdir()) == []
    assert compile_c(source) == path
    assert caplog.text.count(reason) == 1
