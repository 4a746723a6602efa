"""`clearfw report` makes an HTML page from saved results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearfw.cli.options import examples, file
from clearfw.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(
    epilog=examples(
        "clearfw report bench.json check.json -o report.html",
        "clearfw report bench.json size.json -o report.html --open",
    )
)
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    metavar="RUN.json [RUN.json]...",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    type=file,
    required=True,
    metavar="FILE",
    help='The HTML file; "-" means standard output.',
)
@click.option("--title", default="clearfw report", show_default=True, help="Heading of the page.")
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
def report(runs: Sequence[Path], output: str, title: str, show: bool) -> int:
    """Make one HTML page from saved results.

    Each RUN.json is a file that a command wrote with --json. The page has plots, sortable tables, and a
    description of the machine of each run. It needs no network and no other file.
    """
    import webbrowser

    from clearfw.reports.html import page
    from clearfw.results.document import check_extra, read

    if show and output == "-":
        msg = "--open needs a file to open, but -o - writes none: name a file"
        raise click.UsageError(msg)
    check_extra()
    text = page([read(path) for path in runs], title)
    if output == "-":
        click.echo(text)
        return 0
    Path(output).write_text(text, encoding="utf-8")
    if show and not webbrowser.open(Path(output).resolve().as_uri()):
        msg = f"{output} was written, but no browser was found: open the file yourself"
        raise UnsupportedError(msg)
    return 0
