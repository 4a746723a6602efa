"""The running kernel: what it was told at boot of clearing pages."""

from __future__ import annotations

import gzip
import platform
import re
import subprocess
from pathlib import Path

_DMESG = ("dmesg",)


def init_on(point: str) -> bool | None:
    """Return whether init_on_alloc or init_on_free (POINT "alloc", "free") is in force; None: not known.

    The command line decides, else the configuration; where that is kept nowhere, what was said at boot.
    """
    asked = _boot_flag(f"init_on_{point}")
    if asked is not None:
        return asked
    config = _kernel_config()
    if config:
        return f"CONFIG_INIT_ON_{point.upper()}_DEFAULT_ON=y" in config.splitlines()
    # mm/mm_init.c: report_meminit(), 7.3
    said = re.search(rf"mem auto-init: .*heap {point}:(on|off)", _kernel_log())
    return None if said is None else said[1] == "on"


def _boot_flag(name: str) -> bool | None:
    """Return the kernel command line's last word on a flag, read as kstrtobool() does; None: none."""
    values = {"1": True, "y": True, "on": True, "0": False, "n": False, "of": False}
    said = None
    for word in Path("/proc/cmdline").read_text().split():
        key, _, value = word.partition("=")
        if key == name:
            value = value.lower()
            said = values.get(value[:2] if value.startswith("o") else value[:1], said)
    return said


def _kernel_config() -> str:
    """Return the running kernel's configuration; "" where it is kept nowhere."""
    try:
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except OSError:
        pass
    try:
        return Path(f"/boot/config-{platform.release()}").read_text()
    except OSError:
        return ""


def _kernel_log() -> str:
    """Return what of the kernel's log is still there to read."""
    try:
        done = subprocess.run(_DMESG, capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        return ""
    return done.stdout
