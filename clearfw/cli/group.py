"""The commands together, and how their failures end: one line, and an exit status."""

from __future__ import annotations

import sys

import click

from clearfw.cli.bench import bench
from clearfw.cli.check import check
from clearfw.cli.plugins import plugins
from clearfw.errors import ClearfwError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="clearfw")
def cli() -> None:
    """Page-clearing strategies on a real page allocator with the kernel's semantics."""


cli.add_command(bench)
cli.add_command(check)
cli.add_command(plugins)


def run() -> int:
    """Run it and return the exit status."""
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 0
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted before anything was measured", 130)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        return 0
    except (ClearfwError, OSError) as error:
        return _fail(str(error), 2)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"clearfw: {message}\n")
    return status
