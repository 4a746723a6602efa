"""Resources of the host: memory and processors."""

from __future__ import annotations

import resource
from pathlib import Path

from clearfw.config import format_size
from clearfw.errors import MemoryLimitError


def available_memory() -> int:
    """Return the bytes the host can still give: the least of MemAvailable and the cgroup's limit."""
    return min([_mem_available(), *_cgroup_rooms()])


def check_memory(nbytes: int) -> None:
    """Raise MemoryLimitError if the host does not have NBYTES, before any memory is touched."""
    available = available_memory()
    if nbytes > available:
        msg = (
            f"memory={format_size(nbytes)} is too much, the host has {available >> 20}M available: "
            "boot with less memory="
        )
        raise MemoryLimitError(msg)
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and nbytes > limit:
        msg = (
            f"memory={format_size(nbytes)} is too much, RLIMIT_AS is {limit >> 20}M: "
            "raise it (ulimit -v), or boot with less"
        )
        raise MemoryLimitError(msg)


def _mem_available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 1 << 62


def _cgroup_rooms() -> list[int]:
    """Return the bytes that the memory cgroup (v2 or v1) leaves, or None without a limit."""
    base = Path("/sys/fs/cgroup")
    rooms = []
    for limit, usage in (
        (base / "memory.max", base / "memory.current"),
        (base / "memory" / "memory.limit_in_bytes", base / "memory" / "memory.usage_in_bytes"),
    ):
        try:
            rooms.append(int(limit.read_text()) - int(usage.read_text()))
        except (OSError, ValueError):  # no such controller, or "max"
            continue
    return rooms


def cpu_model() -> str:
    """Return the processor's name as /proc/cpuinfo has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Processor", "Hardware"):
            return value.strip()
    return "unknown"


def cpu_identity() -> str:
    """Return the processor's name, family, model and stepping, where they exist: a key for measurements."""
    wanted = ("vendor_id", "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part")
    found: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in wanted:
            found.setdefault(key.strip(), value.strip())
    return " ".join(found.values()) or "unknown"
