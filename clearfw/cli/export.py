"""`clearfw export` writes a trace in another format."""

from __future__ import annotations

from pathlib import Path

import click

from clearfw.cli.options import console_for, examples, file


@click.command(
    epilog=examples("clearfw export sort.trace -o sort.parquet", "clearfw export sort.trace -o small.trace")
)
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "output",
    type=file,
    required=True,
    metavar="FILE.parquet|.trace",
    help="Parquet for other programs, or a compressed trace.",
)
def export(trace: Path, output: str) -> int:
    """Write a trace in another format.

    If the export fails, no file is left behind.
    """
    from rich.progress import Progress

    from clearfw.traces import export as exports
    from clearfw.traces import file as traces

    exports.check_format(Path(output))
    given = traces.read(trace)
    console = console_for(None)
    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("exporting", total=given.nevents)
        exports.export(given, Path(output), lambda done: bar.update(task, completed=done))
    if given.truncated:
        console.print(
            f"{trace} ends within a batch, or is damaged there: the rest is not exported", soft_wrap=True
        )
    console.print(
        f"{given.nevents:,} events, {Path(output).stat().st_size:,} bytes in {output}", soft_wrap=True
    )
    return 0
