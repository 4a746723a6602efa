"""What the tests of recording share: whether it can be tried here, and what it leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clearfw.record import tracefs

TRACEFS = Path("/sys/kernel/tracing")
INSTANCES = TRACEFS / "instances"


def _reason() -> str:
    if os.geteuid() != 0:
        return "recording needs root"
    if Path("/proc/self/ns/pid").stat().st_ino != tracefs._FIRST_PID_NAMESPACE:
        return "recording needs the first PID namespace"
    if not os.access(INSTANCES, os.W_OK):
        return "there is no tracefs that can be written"
    return ""


needs_tracing = pytest.mark.skipif(bool(_reason()), reason=_reason() or "recording is possible")


def left_behind(pid: int | None = None) -> list[str]:
    """Return the instances and cgroups that a recorder left: those of PID, by default this process."""
    name = f"clearfw-{pid or os.getpid()}"
    found = [INSTANCES / name, *Path("/sys/fs/cgroup").glob(f"**/{name}")]
    return [str(path) for path in found if path.exists()]
