"""`clearfw info` shows what a trace contains."""

from __future__ import annotations

from pathlib import Path

import click

from clearfw.cli.options import console_for, examples, file, json_option, write_json

_PICTURES = (".png", ".svg")


def _picture(text: str) -> str:
    """Return the path of the plot; a wrong suffix is refused before the trace is read."""
    if Path(text).suffix not in _PICTURES:
        msg = f"{text} is not the name of a plot: it must end in {' or '.join(_PICTURES)}"
        raise click.BadParameter(msg)
    return file(text)


@click.command(epilog=examples("clearfw info sort.trace", "clearfw info sort.trace --plot sort.png"))
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--plot", type=_picture, metavar="FILE.png|.svg", help="Draw cleared pages and live pages.")
@json_option
def info(trace: Path, plot: str | None, json_path: str | None) -> int:
    """Show what a trace contains.

    This prints its origin, events, orders and flags, the pages that were cleared, and live pages.
    """
    from clearfw.reports import plots
    from clearfw.reports.tables import trace as tables
    from clearfw.results import info as results
    from clearfw.traces.file import read
    from clearfw.traces.info import examine

    console = console_for(json_path)
    if plot:
        plots.matplotlib()
    with console.status(f"reading {trace}"):
        figures = examine(read(trace))
    console.print(tables.info(figures))
    if plot:
        plots.trace(figures).save(Path(plot))
    if json_path:
        write_json(json_path, results.to_json(figures))
    return 0
