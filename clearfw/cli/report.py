"""`clearfw report` makes an HTML page from saved results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearfw.cli.options import examples, file
from clearfw.errors import UnsupportedError
from clearfw.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(
    epilog=examples(
        "clearfw report bench.json check.json -o report.html",
        "clearfw report bench.json size.json -o report.html --open",
        "clearfw report bench.json --text -o -",
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
@click.option("--text", "as_text", is_flag=True, help="Write plain text in 78 columns, for a mail.")
@click.option("--title", default="clearfw report", show_default=True, help="Heading of the page.")
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
def report(runs: Sequence[Path], output: str, as_text: bool, title: str, show: bool) -> int:
    """Make one HTML page, or a text for a mail, from saved results.

    Each RUN.json is a file that a command wrote with --json. The page has plots, sortable tables, and a
    description of the machine of each run. It needs no network and no other file.
    """
    import webbrowser

    from clearfw.reports.html import page
    from clearfw.reports.text import text as mail
    from clearfw.results.document import check_extra, read

    if show and output == "-":
        msg = "--open needs a file to open, but -o - writes none: name a file"
        raise click.UsageError(msg)
    if show and as_text:
        msg = "--open asked for with --text, which no browser needs: leave one out"
        raise click.UsageError(msg)
    check_extra()
    text = (mail if as_text else page)([read(path) for path in runs], title)
    if output == "-":
        click.echo(text.encode(errors="replace"))
        return 0
    write_text(output, text)
    if show and not webbrowser.open(Path(output).resolve().as_uri()):
        msg = f"{output} was written, but no browser was found: open the file yourself"
        raise UnsupportedError(msg)
    return 0
