"""`clearfw info`: what a trace holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearfw.cli.options import console_for, file, json_option, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from clearfw.trace_info import TraceInfo

_PICTURES = (".png", ".svg")


def _picture(text: str) -> str:
    """Return the path of a picture, checked before anything is read."""
    if Path(text).suffix not in _PICTURES:
        msg = f"{text} is no name of a picture: end it in {' or '.join(_PICTURES)}"
        raise click.BadParameter(msg)
    return file(text)


@click.command()
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--plot", type=_picture, metavar="FILE.png|.svg", help="Draw what is cleared, and live pages.")
@json_option
def info(trace: Path, plot: str | None, json_path: str | None) -> int:
    """Tell what a trace holds.

    Where it is from, its events, orders and flags, the pages that were cleared, and live pages.
    """
    from clearfw import trace_info, trace_report

    console = console_for(json_path)
    if plot:
        from clearfw import trace_plot

        trace_plot.matplotlib()
    figures = _examine(trace, console)
    console.print(trace_report.info(figures))
    if plot:
        trace_plot.save(figures, Path(plot))
    if json_path:
        write_json(json_path, trace_info.to_json(figures))
    return 0


def _examine(path: Path, console: Console) -> TraceInfo:
    from rich.progress import Progress

    from clearfw import trace_info, traces

    trace = traces.read(path)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("following live pages", total=trace.nevents)
        return trace_info.examine(trace, lambda done: bar.update(task, completed=done))
