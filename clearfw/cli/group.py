"""The group of all commands. A failure prints one line and returns an exit status."""

from __future__ import annotations

import signal
import sys
import warnings
from typing import TYPE_CHECKING

import click

from clearfw.cli.bench import bench
from clearfw.cli.check import check
from clearfw.cli.completion import completion
from clearfw.cli.diff import diff
from clearfw.cli.export import export
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
    from collections.abc import Sequence


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="clearfw")
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
    try:
        status = cli.main(arguments, prog_name="clearfw", standalone_mode=False)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted before anything was measured", INTERRUPTED)
    except KernelBootError as error:
        return _fail(str(error), 1)
    except (ClearfwError, OSError) as error:
        return _fail(str(error), 2)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"clearfw: {message.rstrip()}\n")
    return status


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"clearfw: warning: {message}\n")
