"""The environment of a result: everything that one needs to measure it again."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearfw.errors import NoCompilerError
from clearfw.host import cpu_model
from clearfw.strategies import NativeStrategy
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearfw.registry import Registry
    from clearfw.strategies import Strategy


def describe(registry: Registry, strategies: Iterable[Strategy]) -> dict[str, Any]:
    """Return versions, commit, compiler, processor, kernel, plugins and a hash of each strategy's source."""
    from importlib.metadata import version

    return {
        "clearfw": version("clearfw"),
        "commit": commit(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "cpus_allowed": sorted(os.sched_getaffinity(0)),
        "host_page_size": os.sysconf("SC_PAGE_SIZE"),
        "compiler": _compiler(),
        "flags": " ".join(compiler.FLAGS),
        "plugins": {info.name: info.version for info in registry.plugins if info.status == "active"},
        "sources": {
            one.name: compiler.source_hash(one.read if isinstance(one, NativeStrategy) else one.source)
            for one in strategies
            if one.source is not None
        },
    }


def commit() -> str | None:
    """Return the commit of the checkout clearfw comes from, with "-dirty" if changed; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _compiler() -> str | None:
    try:
        return compiler.find_compiler().version
    except NoCompilerError:
        return None
