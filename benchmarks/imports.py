"""Start-up, in a new process each time: what a test suite waits for, and a person at the command line."""

from __future__ import annotations

import importlib.util

version = "1"


def timeraw_import_clearfw() -> str:
    """The bar is 80 ms."""
    return "import clearfw"


def timeraw_help() -> tuple[str, str]:
    """`clearfw --help`, the start of the interpreter included: the bar is 200 ms."""
    command = "[sys.executable, '-P', '-c', 'from clearfw.cli import main; main()', '--help']"
    return f"subprocess.run({command}, stdout=subprocess.DEVNULL, check=True)", "import subprocess, sys"


def _setup_help() -> None:
    if importlib.util.find_spec("clearfw") is None or importlib.util.find_spec("clearfw.cli") is None:
        msg = "no command line"
        raise NotImplementedError(msg)


timeraw_help.setup = _setup_help  # type: ignore[attr-defined]
