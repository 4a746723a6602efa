"""Options and functions that `bench` and `replay` share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from clearfw.cli import names
from clearfw.cli.options import size, write_json
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from clearfw.bench.plan import Plan
    from clearfw.bench.run import SceneRun
    from clearfw.registry import Registry

_OPTIONS = (
    click.option(
        "--rounds", type=click.IntRange(min=2), default=15, show_default=True, help="Samples of each row."
    ),
    click.option("--highmem", type=size, default=0, help="Bytes of --memory to place in ZONE_HIGHMEM."),
    click.option(
        "--kasan",
        type=click.Choice(["off", "generic", "sw_tags", "hw_tags"]),
        default="off",
        help="KASAN mode of the model.",
    ),
    click.option(
        "--backing",
        type=click.Choice(["auto", "hugetlb", "thp", "base"]),
        default="auto",
        help="Host pages that hold the memory.",
    ),
    click.option(
        "--touch",
        type=click.Choice(["none", "first", "all"]),
        default="none",
        help="How a consumer uses each block after its clear.",
    ),
    click.option(
        "--primitive",
        multiple=True,
        metavar="NAME",
        shell_complete=names.primitives,
        help='A name, "kernel" or "best"; may be repeated.  [default: kernel and best]',
    ),
    click.option("--cpu", type=int, help="Run on this processor.  [default: the last allowed]"),
    click.option(
        "--seed", type=int, default=0, help="Seed for the order of samples and for generated workloads."
    ),
)


def measuring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every measurement has."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell_failed(registry: Registry) -> None:
    """Print a line for each plugin that could not be loaded."""
    for info in registry.plugins:
        if info.status == "failed":
            click.echo(f"clearfw: plugin {info.name} ({info.origin}) left out: {info.reason}", err=True)


def pin(cpu: int | None, threads: int) -> int | None:
    """Pin this process to one processor and return it; with several threads, return None."""
    allowed = os.sched_getaffinity(0)
    if cpu is not None and cpu not in allowed:
        others = ", ".join(map(str, sorted(allowed)))
        msg = f"--cpu {cpu} is not among the processors that this process may use: choose one of {others}"
        raise ConfigError(msg)
    if threads > 1:
        if cpu is not None:
            msg = f"--cpu {cpu} and --threads {threads} exclude each other: leave one out"
            raise ConfigError(msg)
        return None
    pinned = max(allowed) if cpu is None else cpu
    os.sched_setaffinity(0, {pinned})
    return pinned


def measured(plan: Plan, console: Console) -> Iterator[SceneRun]:
    """Measure PLAN under a progress bar."""
    from rich.progress import Progress, TimeRemainingColumn

    from clearfw.bench.measurement import measure

    columns = [*Progress.get_default_columns()[:-1], TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("setting up", total=plan.rounds)

        def progress(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=label or plan.workload.name)

        yield from measure(plan, progress)


def save(document: dict[str, Any], json_path: str | None, plot: Path | None) -> None:
    """Write the results as JSON and as a plot of throughput."""
    if json_path:
        write_json(json_path, document)
    if plot:
        _plot(document, plot)


def _plot(document: dict[str, Any], path: Path) -> None:
    from clearfw.reports import plots
    from clearfw.results import document as documents

    found = documents.parse(document, "the result").content
    charts = [
        plots.Chart(scene.scene, scene.rooflines, rows)
        for scene in found.scenes
        if (rows := found.ranked(scene))
    ]
    if not charts:
        msg = f"--plot {path} has nothing to draw, because no strategy has a figure: see the messages above"
        raise ConfigError(msg)
    plots.throughput(charts).save(path)
