"""`clearfw record` records the page allocations and frees of a command from the running kernel."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli.options import INTERRUPTED, examples, file, json_option, size, trace_option, write_json
from clearfw.config import format_size

if TYPE_CHECKING:
    from rich.console import Console

    from clearfw.record.recorder import Recording, RecordPlan
    from clearfw.traces.file import Ending

_SMALLEST = 64 << 10
# Seconds between two updates of the progress line, because drawing takes time from the reader.
_DRAW_S = 0.25


def _output(_context: click.Context, _option: click.Parameter, text: str) -> Path:
    if text == "-":
        msg = "standard output belongs to the command: name a file"
        raise click.BadParameter(msg)
    return Path(file(text))


def _buffer(text: object) -> int:
    nbytes = size(text)
    if nbytes < _SMALLEST:
        msg = f"{text} is too small for a buffer: give at least {_SMALLEST >> 10}K"
        raise click.BadParameter(msg)
    return nbytes


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        "clearfw record -o sort.trace -- sort big.txt",
        "clearfw record -o boot.trace --all -- sleep 10",
        "clearfw record -o rank.trace --workload pagerank --scale 20",
    ),
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENT]...")
@trace_option(_output)
@click.option("--all", "whole_system", is_flag=True, help="Record the whole system while COMMAND runs.")
@click.option(
    "--buffer", type=_buffer, default="16M", show_default=True, metavar="SIZE", help="Buffer for each CPU."
)
@click.option(
    "--workload",
    type=click.Choice(["pagerank", "graph500"]),
    help="Record this program instead of a COMMAND.",
)
@click.option("--scale", type=click.IntRange(1, 40), help="The workload's graph has 2^SCALE vertices.")
@json_option
def record(
    command: tuple[str, ...],
    output: Path,
    whole_system: bool,
    buffer: int,
    workload: str | None,
    scale: int | None,
    json_path: str | None,
) -> int:
    """Record the page events of a command; needs root.

    The trace has the page allocations and frees of COMMAND and its children, or of the whole system.
    Exit status: 0 success, 1 events were lost, 2 clearfw cannot do it, 130 interrupted; the trace then has
    the events up to that point. The exit status of COMMAND is printed and stored in the trace.
    """
    from clearfw.cli.console import console as console_of
    from clearfw.record import recorder

    if json_path == "-":
        msg = "--json - is not possible, because standard output belongs to the command: name a file"
        raise click.UsageError(msg)
    run = _workload(workload, scale) if workload else command
    if workload and command:
        msg = f"--workload {workload} and the command {command[0]!r} exclude each other: leave one out"
        raise click.UsageError(msg)
    if scale and not workload:
        msg = "--scale needs --workload: add it"
        raise click.UsageError(msg)
    plan = recorder.RecordPlan(run, output, whole_system, buffer >> 10)
    # Standard output belongs to the command.
    console = console_of(to_stderr=True, soft_wrap=True)
    done = _record(plan, console)
    _tell(console, plan, done)
    if json_path:
        write_json(json_path, _document(plan, done))
    if done.ending.interrupted:
        return INTERRUPTED
    return 1 if done.ending.lost else 0


def _workload(name: str, scale: int | None) -> tuple[str, ...]:
    options = () if scale is None else ("--scale", str(scale))
    # -P: as root, nothing in the current folder may stand in for a module.
    return (sys.executable, "-P", "-m", "clearfw.graphs", name, *options)


def _record(plan: RecordPlan, console: Console) -> Recording:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from clearfw.record import recorder

    # No drawing thread: with --all its allocations would be recorded.
    columns = (SpinnerColumn(), TextColumn("recording: {task.description}"), TimeElapsedColumn())
    hidden = not console.is_interactive
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=hidden) as bar:
        task = bar.add_task("0 events", total=None)
        drawn = time.monotonic()

        def progress(events: int) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > _DRAW_S:
                bar.update(task, description=f"{events:,} events", refresh=True)
                drawn = time.monotonic()

        return recorder.record(plan, progress)


def _tell(console: Console, plan: RecordPlan, done: Recording) -> None:
    ending = done.ending
    for name in done.removed:
        console.print(f"removed {name}, the trace instance of a recorder that was killed")
    console.print(f"{done.events:,} events in {ending.elapsed_s:.2f} s, {_times(ending)}: {plan.output}")
    if ending.exit_status:
        console.print(f"the command {_how(ending.exit_status)}")
    if ending.interrupted:
        console.print("interrupted: the trace has the events up to that point")
    if ending.unknown_gfp:
        console.print(f"unknown gfp flags, left out: {', '.join(ending.unknown_gfp)}")
    if ending.lost:
        twice = format_size(2 * plan.buffer_kb << 10)
        console.print(f"{ending.lost:,} events were lost: record again with --buffer {twice}")


def _times(ending: Ending) -> str:
    if ending.user_s is None or ending.system_s is None:
        return "processor time not known"
    return f"{ending.user_s:.2f} s user, {ending.system_s:.2f} s system ({ending.usage})"


def _how(exit_status: int) -> str:
    if exit_status < 0:
        return f"was killed by signal {-exit_status} ({signal.strsignal(-exit_status)})"
    return f"ended with status {exit_status}"


def _document(plan: RecordPlan, done: Recording) -> dict[str, Any]:
    return {
        "schema": "clearfw.record/1",
        "trace": str(plan.output),
        "command": list(plan.command),
        "all": plan.whole_system,
        "buffer": plan.buffer_kb << 10,
        "events": done.events,
        "origin": attrs.asdict(done.origin),
        "ending": attrs.asdict(done.ending),
    }
