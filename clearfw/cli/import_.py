"""`clearfw import` makes a trace from the text of ftrace, trace-cmd or perf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli import names
from clearfw.cli.options import (
    INTERRUPTED,
    console_for,
    examples,
    file,
    json_option,
    trace_option,
    write_json,
)
from clearfw.config import parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from clearfw.traces.import_text import Import
    from clearfw.traces.text_input import Text

# The most unknown gfp flags that the summary names.
_SHOWN = 8


def _output(_context: click.Context, _option: click.Parameter, text: str) -> Path:
    path = Path(text)
    if text == "-" or (path.exists() and not path.is_file()):
        msg = f"{text} is not a regular file, and a trace must be one: name a file"
        raise click.BadParameter(msg)
    return Path(file(text))


def _switch(_context: click.Context, _option: click.Parameter, text: str | None) -> bool | None:
    return None if text is None else text == "on"


_ON_OFF = click.Choice(["on", "off"])


@click.command(
    "import",
    epilog=examples(
        "clearfw import trace.txt -o mine.trace",
        "clearfw import perf.txt.xz -o mine.trace --init-on-alloc on",
    ),
)
@click.argument("file", metavar="FILE", shell_complete=names.files)
@trace_option(_output)
@click.option(
    "--page-size",
    type=click.Choice(["4K", "16K", "64K"]),
    default="4K",
    show_default=True,
    help="Page size of the traced kernel.",
)
@click.option(
    "--init-on-alloc", type=_ON_OFF, callback=_switch, help="Whether the traced kernel had init_on_alloc on."
)
@click.option(
    "--init-on-free", type=_ON_OFF, callback=_switch, help="Whether the traced kernel had init_on_free on."
)
@json_option
def import_(file: str, output: Path, page_size: str, json_path: str | None, **about: bool | None) -> int:
    """Make a trace from the text of ftrace, trace-cmd or perf.

    FILE may be compressed with xz or gzip; "-" means standard input. FILE may also be a directory with the
    raw pages of each processor, cpuN.raw, and the format files of their kernel. Lines that cannot be read
    are counted, and the first ones are shown.
    Exit status: 0 success, 1 the text reports lost events, 2 clearfw cannot do it, 130 interrupted; the
    trace then has what was read so far.
    """
    console = console_for(json_path)
    found = _import(file, output, {"page_size": parse_size(page_size), **about}, console)
    for line in _summary(found, output):
        console.print(line, soft_wrap=True)
    if json_path:
        write_json(
            json_path,
            {"schema": "clearfw.import/1", "file": file, "trace": str(output), **attrs.asdict(found)},
        )
    if found.interrupted:
        return INTERRUPTED
    return 1 if found.lost else 0


def _import(name: str, output: Path, about: dict[str, Any], console: Console) -> Import:
    from clearfw.traces.import_raw import import_raw
    from clearfw.traces.text_input import opened

    if name != "-" and Path(name).is_dir():
        return import_raw(Path(name), output, about)
    with opened(name) as text:
        return _import_text(text, output, about, console)


def _import_text(text: Text, output: Path, about: dict[str, Any], console: Console) -> Import:
    from rich.progress import Progress

    from clearfw.traces.import_text import import_text

    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("importing", total=text.nbytes)
        return import_text(text, output, about, lambda nbytes: bar.update(task, completed=nbytes))


def _summary(found: Import, output: Path) -> Iterator[str]:
    """Yield the lines of the summary."""
    events, lines = found.events, found.lines
    source = f"{lines['all']:,} lines of {found.form}" if lines["all"] else f"sub-buffers of {found.form}"
    yield f"{output}: {sum(events.values()):,} events, from {source}"
    yield f"  mm_page_alloc {events['alloc']:,}, of which {found.failed:,} failed"
    yield f"  mm_page_free {events['free']:,}, mm_page_free_batched {events['free_batched']:,}"
    yield f"  other events {lines['other_events']:,}, lost events {_lost(found)}"
    if lines["bad"] and not found.bad:
        yield f"  malformed sub-buffers {lines['bad']:,}"
    if found.bad:
        yield f"  bad lines {lines['bad']:,}{', of which the first' * (lines['bad'] > len(found.bad))}:"
        yield from (f"    {bad}" for bad in found.bad)
    if found.unknown_gfp:
        more = len(found.unknown_gfp) - _SHOWN
        shown = (*found.unknown_gfp[:_SHOWN], *([f"and {more} more"] * (more > 0)))
        yield f"  unknown gfp flags, left out: {', '.join(shown)}"
    if found.backwards:
        yield f"  time went backwards {found.backwards:,} times in the text, so the trace was sorted by time"
    if found.interrupted:
        yield "  interrupted: the trace has what was read so far"


def _lost(found: Import) -> str:
    if found.lost is None:
        return "not known" + ": use perf script --show-lost-events" * (found.form == "perf script")
    return f"{found.lost:,}"
