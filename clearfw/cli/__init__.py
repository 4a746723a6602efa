"""The command line: one file for each command. Nothing else in clearfw prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line: exit status 0 success, 1 failure, 2 clearfw cannot do it, 130 interrupted."""
    try:
        from clearfw.cli.group import run

        status = run()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in ("click", "rich"):
            raise
        status = _missing(module)
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _missing(module: str) -> int:
    sys.stderr.write(
        f"clearfw: the command line needs {module}, which is not installed: pip install 'clearfw[cli]'\n"
    )
    return 2
