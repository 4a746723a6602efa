"""The command line: one file for each command. Nothing else in clearfw prints."""

from __future__ import annotations

import sys

_STACK = 128 << 10


def main() -> None:
    """Run the command line: exit status 0 success, 1 failure, 2 clearfw cannot do it, 130 interrupted."""
    try:
        if said := _small_stack():
            sys.exit(_fail(said))
        from clearfw.cli.group import run

        status = run()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in ("click", "rich"):
            raise
        command = f"{sys.executable} -m pip install {module}"
        status = _fail(f"the command line needs {module}, which is not installed: {command}")
    except ImportError as error:
        status = _fail(f"a library cannot be loaded ({error}){_limit()}")
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _limit() -> str:
    """Return what to do where the address space is limited, which is why a library may not fit."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return ": install it again"
    return f": RLIMIT_AS is {limit >> 20}M, raise it (ulimit -v)"


def _small_stack() -> str:
    """Return why the stack is too small, or "": Python itself would end with SIGSEGV, deep in an import."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_STACK)[0]
    if limit == resource.RLIM_INFINITY or limit >= _STACK:
        return ""
    found = f"the stack is limited to {limit >> 10}K"
    return f"{found}, and clearfw takes {_STACK >> 10}K: raise it (ulimit -s 8192)"


def _fail(message: str) -> int:
    sys.stderr.write(f"clearfw: {message}\n")
    return 2
