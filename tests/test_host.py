"""What the host can give, read from files that a test can write."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest

from clearfw import host
from clearfw.errors import MemoryLimitError
from clearfw.record import leftovers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str], None]

MIB = 1 << 20
MEMINFO = "MemTotal:  8388608 kB\nMemFree:   1048576 kB\nMemAvailable:  4194304 kB\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """The host's files are those the test writes: /proc/meminfo with 4 GiB available, no cgroup."""
    monkeypatch.setattr(host, "Path", lambda path: tmp_path / path.lstrip("/"))

    def put(path: str, text: str) -> None:
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    put("/proc/meminfo", MEMINFO)
    return put


@pytest.mark.usefixtures("write")
def test_available_is_what_the_kernel_says() -> None:
    """MemAvailable, where no cgroup limits it."""
    assert host.available_memory() == 4096 * MIB


def test_a_kernel_that_does_not_say_limits_nothing(write: Write) -> None:
    """Without MemAvailable (before 3.14) nothing is refused beforehand."""
    write("/proc/meminfo", "MemTotal: 8388608 kB\n")

    host.check_memory(1 << 50)


@pytest.mark.parametrize(
    ("limit", "usage"),
    [
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ],
)
def test_a_cgroup_leaves_its_limit_less_what_is_used(write: Write, limit: str, usage: str) -> None:
    """Version 2 and version 1; the least of all counts; "max" is no limit."""
    write(f"/sys/fs/cgroup/{limit}", f"{1024 * MIB}\n")
    write(f"/sys/fs/cgroup/{usage}", f"{24 * MIB}\n")
    assert host.available_memory() == 1000 * MIB

    write(f"/sys/fs/cgroup/{limit}", f"{8192 * MIB}\n")
    assert host.available_memory() == 4096 * MIB

    write(f"/sys/fs/cgroup/{limit}", "max\n")
    assert host.available_memory() == 4096 * MIB


@pytest.mark.usefixtures("write")
def test_the_last_byte_can_be_had_and_no_more() -> None:
    """The error names both, in the units of the command line."""
    host.check_memory(4096 * MIB)

    with pytest.raises(
        MemoryLimitError, match=r"memory=5G is too much, the host has 4096M available: boot with"
    ):
        host.check_memory(5 << 30)


@pytest.mark.usefixtures("write")
def test_an_address_space_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """RLIMIT_AS is below the requested memory."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64 * MIB, resource.RLIM_INFINITY))

    host.check_memory(64 * MIB)
    with pytest.raises(MemoryLimitError, match="RLIMIT_AS is 64M: raise it"):
        host.check_memory(65 * MIB)


INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 106
model name\t: Intel(R) Xeon(R) Platinum 8358
stepping\t: 6

processor\t: 1
model name\t: another
"""
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("cpuinfo", "model", "identity"),
    [
        (INTEL, "Intel(R) Xeon(R) Platinum 8358", "GenuineIntel 6 106 Intel(R) Xeon(R) Platinum 8358 6"),
        (ARM, "unknown", "0x41 0xd0c"),
        ("Processor\t: ARMv7\n", "ARMv7", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_a_processor_is_named(write: Write, cpuinfo: str, model: str, identity: str) -> None:
    """As /proc/cpuinfo has it, which differs by architecture; the first one speaks for all."""
    write("/proc/cpuinfo", cpuinfo)

    assert (host.cpu_model(), host.cpu_identity()) == (model, identity)


def test_what_the_dead_left_is_found(tmp_path: Path) -> None:
    """By the PID in its name: those of processes that are gone, and our own; nobody else's."""
    for name in ("clearfw-99999999", f"clearfw-{os.getpid()}", "clearfw-1", "clearfw-x", "other-99999999"):
        (tmp_path / name).mkdir()

    found = {path.name for path in leftovers.left_by_the_dead(tmp_path)}
    assert found == {"clearfw-99999999", f"clearfw-{os.getpid()}"}
