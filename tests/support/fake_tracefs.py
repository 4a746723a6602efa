"""What the tests of recording share: tracefs, mounted as the product mounts it, and what is left there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from clearfw.errors import TracingError
from clearfw.record import tracefs

# conftest.py closes it: workers of pytest-xdist run no atexit functions.
until_the_end = contextlib.ExitStack()


def _mounted() -> tuple[Path, str]:
    """Return tracefs, for as long as this process runs, or why there is none."""
    try:
        root = until_the_end.enter_context(tracefs.mounted())
    except TracingError as error:
        return Path("/nonexistent"), str(error)
    writable = os.access(root / "instances", os.W_OK)
    return root, "" if writable else f"{root} cannot be written"


TRACEFS, _REASON = _mounted()
INSTANCES = TRACEFS / "instances"
needs_tracing = pytest.mark.skipif(bool(_REASON), reason=_REASON or "recording is possible")


def left_behind(pid: int | None = None) -> list[str]:
    """Return the instances and cgroups that a recorder left: those of PID, by default this process."""
    name = f"clearfw-{pid or os.getpid()}"
    found = [INSTANCES / name, *Path("/sys/fs/cgroup").glob(f"**/{name}")]
    return [str(path) for path in found if path.exists()]
