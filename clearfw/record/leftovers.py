"""Cleans up after recorders that were killed."""

from __future__ import annotations

import os
from pathlib import Path


def left_by_the_dead(directory: Path) -> list[Path]:
    """Return what in DIRECTORY is called clearfw-PID after a process that is gone, or after this one."""
    named = {path: path.name.removeprefix("clearfw-") for path in directory.glob("clearfw-*")}
    return [
        path
        for path, pid in named.items()
        if pid.isdecimal() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists())
    ]
