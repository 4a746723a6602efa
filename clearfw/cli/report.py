"""`clearfw report`: saved results as a page to look at."""

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
    "-o", "--output", type=file, required=True, metavar="FILE", help='The page; "-": standard output.'
)
@click.option("--text", "as_text", is_flag=True, help="Plain text in 78 columns, for a mail, not HTML.")
@click.option("--title", default="clearfw report", show_default=True, help="Its heading.")
@click.option("--open", "show", is_flag=True, help="Show it in a browser.")
def report(runs: Sequence[Path], output: str, as_text: bool, title: str, show: bool) -> int:
    """Make one page of HTML of saved results, or a text for a mail.

    These are what commands wrote with --json. The page needs no network and no other file: pictures, tables
    that can be sorted, and what each run was measured on.
    """
    import webbrowser

    from clearfw.reports.html import page
    from clearfw.reports.text import text as mail
    from clearfw.results.document import check_extra, read

    if show and output == "-":
        msg = "--open asked for with -o -, which leaves no file to open: name a file"
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
        msg = f"{output} is written, and no browser was found to open it: open it in one of yours"
        raise UnsupportedError(msg)
    return 0
