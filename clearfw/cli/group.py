"""The group of all commands. A failure prints one line and returns an exit status."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING

import click

from clearfw.cli.bench import bench
from clearfw.cli.check import check
from clearfw.cli.completion import completion
from clearfw.cli.diff import diff
from clearfw.cli.export import export
from clearfw.cli.harmless import allow_any_name, harmless
from clearfw.cli.import_ import import_
from clearfw.cli.info import info
from clearfw.cli.kernel import kernel
from clearfw.cli.new import new
from clearfw.cli.options import INTERRUPTED
from clearfw.cli.plugins import plugins
from clearfw.cli.record import record
from clearfw.cli.replay import replay
from clearfw.cli.report import report
from clearfw.cli.size import size
from clearfw.errors import ClearfwError, KernelBootError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_told_whole = contextvars.ContextVar("_told_whole", default=False)
# SIGTERM, once it came.
_came: list[int] = []


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="clearfw")
@click.option(
    "--traceback",
    "show",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda _context, _option, show: _told_whole.set(show),
    help="Show where in Python a failure came from.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Page-clearing strategies on a real page allocator with the kernel's semantics."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (
    bench,
    check,
    completion,
    diff,
    export,
    import_,
    info,
    kernel,
    new,
    plugins,
    record,
    replay,
    report,
    size,
):
    cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    # As other tools: end quietly when the reader of a pipe closes it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    warnings.showwarning = _warn
    allow_any_name()
    with _terminable():
        status = contextvars.copy_context().run(_status, arguments)
    return 128 + _came[0] if _came else status


def _status(arguments: Sequence[str] | None) -> int:
    try:
        status = cli.main(arguments, prog_name="clearfw", standalone_mode=False)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        how = "terminated" if _came else "interrupted"
        return _fail(f"{how} before anything was measured", INTERRUPTED)
    except KernelBootError as error:
        return _fail(str(error), 1)
    except (ClearfwError, OSError, MemoryError) as error:
        if _told_whole.get():
            traceback.print_exception(error)
        return _fail(_said(error), 2)
    return status if isinstance(status, int) else 0


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end it as Ctrl-C does: what is temporary goes, what was measured is told."""

    def terminate(signum: int, _frame: object) -> None:
        _came.append(signum)
        raise KeyboardInterrupt

    _came.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ClearfwError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError) and not isinstance(error, ClearfwError):
        return "the host gives no more memory: free some, or raise RLIMIT_AS (ulimit -v)"
    return str(error)


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"clearfw: {harmless(message.rstrip())}\n")
    return status


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"clearfw: warning: {harmless(str(message))}\n")
