"""Usage: whose time it is, and who counted it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from clearfw.record import cpu_time
from clearfw.record.cpu_time import Group

if TYPE_CHECKING:
    from pathlib import Path

BUSY = "import time\nwhile time.process_time() < 0.05: pass"


@pytest.fixture
def group() -> Group:
    """Return a cgroup of our own, where one can be made."""
    made = Group.make()
    if made.path is None:
        pytest.skip("no version 2 cgroup can be made here")
    return made


def test_a_group_counts_what_is_in_it(group: Group) -> None:
    """A process and its time are there, and the cgroup is gone afterwards."""
    path = group.path
    assert path is not None
    with (
        group,
        subprocess.Popen([sys.executable, "-c", f"input()\n{BUSY}"], stdin=subprocess.PIPE) as process,
    ):
        group.add(process.pid)
        process.communicate(b"\n")
        used = group.usage()

    assert used is not None
    assert used.source == "cgroup"
    assert 0.04 < used.user_s + used.system_s < 10
    assert not path.exists()


def test_a_group_lets_go_of_what_outlives_it(group: Group) -> None:
    """A process that is still there is moved back, so that the cgroup can go."""
    path = group.path
    assert path is not None
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with group:
        group.add(process.pid)
    process.communicate(b"\n")

    assert not path.exists()


def test_what_a_killed_recorder_left_goes(group: Group) -> None:
    """The cgroup of a recorder that is gone is removed; that of one that runs is not."""
    assert group.path is not None
    parent = group.path.parent
    dead, alive = parent / "clearfw-99999999", parent / f"clearfw-{os.getppid()}"
    dead.mkdir()
    alive.mkdir()
    with group, Group.make():
        assert not dead.exists()
        assert alive.exists()
    alive.rmdir()


def test_without_a_cgroup_there_is_no_count(tmp_path: Path) -> None:
    """Neither where none can be made, nor where a process cannot be put into it, nor without its cpu.stat."""
    with Group(None) as none:
        none.add(1)
        assert none.usage() is None
    (tmp_path / "g").mkdir()
    with Group(tmp_path / "g") as other:
        (tmp_path / "g" / "cpu.stat").write_text("nr_periods 0\n")
        assert other.usage() is None
        other.add(2**30)
        (tmp_path / "g" / "cgroup.procs").unlink()
        (tmp_path / "g" / "cgroup.procs").mkdir()
        other.add(1)
        assert other.path is None


def test_rusage_is_taken_as_it_is() -> None:
    """wait4()'s own seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)

    assert cpu_time.of_rusage(used) == cpu_time.Usage(used.ru_utime, used.ru_stime, "rusage")


def test_the_system_counts_everyone() -> None:
    """All processors' time grows by at least what this process uses."""
    before = cpu_time.of_system()
    start = time.process_time()
    while time.process_time() < start + 0.1:
        pass
    after = cpu_time.of_system()

    assert after.source == "/proc/stat"
    assert after.user_s + after.system_s - before.user_s - before.system_s > 0.05


def test_our_own_cgroup_is_found() -> None:
    """Where it is found, this process is in it."""
    path = cpu_time.own_cgroup()
    if path is None:
        pytest.skip("no version 2 cgroup here")

    assert str(os.getpid()) in (path / "cgroup.procs").read_text().split()
