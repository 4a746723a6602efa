"""What the commands that measure have in common: the variants asked for, and the run of a plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli import names
from clearfw.cli.options import size, write_json
from clearfw.errors import ClearfwError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from clearfw.bench.measurement import Plan
    from clearfw.bench.run import SceneRun
    from clearfw.config import Config
    from clearfw.registry import Registry
    from clearfw.strategies import Strategy
    from clearfw.workloads.protocol import Options, Workload

_OPTIONS = (
    click.option(
        "--rounds", type=click.IntRange(min=2), default=15, show_default=True, help="Samples of each row."
    ),
    click.option("--highmem", type=size, default=0, help="How much of it is in ZONE_HIGHMEM."),
    click.option(
        "--kasan",
        type=click.Choice(["off", "generic", "sw_tags", "hw_tags"]),
        default="off",
        help="The KASAN mode that is modelled.",
    ),
    click.option(
        "--backing",
        type=click.Choice(["auto", "hugetlb", "thp", "base"]),
        default="auto",
        help="The host's pages.",
    ),
    click.option(
        "--touch",
        type=click.Choice(["none", "first", "all"]),
        default="none",
        help="Use a block once cleared.",
    ),
    click.option(
        "--primitive",
        multiple=True,
        metavar="NAME",
        shell_complete=names.primitives,
        help='Its name, "kernel" or "best"; may be repeated.  [default: both]',
    ),
    click.option("--cpu", type=int, help="Run on this processor.  [default: the last allowed]"),
    click.option("--seed", type=int, default=0, help="Of the order of samples, and of what is generated."),
)


def measuring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every measurement: its machine, its rounds, and what consumes a block."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell_failed(registry: Registry) -> None:
    """Print a line for each plugin that could not be loaded."""
    for info in registry.plugins:
        if info.status == "failed":
            click.echo(f"clearfw: plugin {info.name} ({info.origin}) left out: {info.reason}", err=True)


def pin(cpu: int | None, threads: int) -> int | None:
    """Pin to one processor and return it, unless several threads want several."""
    allowed = os.sched_getaffinity(0)
    if cpu is not None and cpu not in allowed:
        msg = f"--cpu {cpu} asked for, allowed are {', '.join(map(str, sorted(allowed)))}: choose one of them"
        raise ConfigError(msg)
    if threads > 1:
        if cpu is not None:
            msg = f"--cpu {cpu} asked for with --threads {threads}, which would take turns: leave one out"
            raise ConfigError(msg)
        return None
    pinned = max(allowed) if cpu is None else cpu
    os.sched_setaffinity(0, {pinned})
    return pinned


def chosen_primitives(registry: Registry, asked: Sequence[str]) -> list[str]:
    """Return the primitives asked for: each is known, and this CPU has it."""
    from clearfw import primitives

    wanted = (
        name if name == "best" else primitives.load(name, registry.primitives)
        for name in asked or ("kernel", "best")
    )
    return list(dict.fromkeys(wanted))


def stacks(
    registry: Registry, workload: Workload, options: Options, named: Sequence[str]
) -> Iterator[tuple[str, tuple[Strategy, ...]]]:
    """Yield the rows: the baseline of the workload's init point, then what was named, or all there is."""
    from clearfw.strategies import parse_stack

    config = workload.scenes(options)[0].config
    known = registry.strategies
    baselines = [one for one in known.values() if one.baseline and _serves(one, config, workload.point)]
    rows: dict[str, tuple[Strategy, ...]] = {one.name: (one,) for one in baselines}
    for text in named or _everything(registry, config, workload.point):
        stack = parse_stack(text, known)
        rows["+".join(one.name for one in stack)] = stack
    yield from rows.items()


def _everything(registry: Registry, config: Config, point: str) -> Iterator[str]:
    """Yield the strategies in C that serve the init point, and on HIGHMEM the default stack's part of it."""
    from clearfw.strategies import parse_stack

    serving = [
        one for one in registry.strategies.values() if not one.interpreted and _serves(one, config, point)
    ]
    yield from (one.name for one in serving)
    if config.config_highmem:
        default = parse_stack(registry.default_stack(config), registry.strategies)
        yield "+".join(one.name for one in default if one in serving)


def _serves(strategy: Strategy, config: Config, point: str) -> bool:
    from clearfw.strategies import NativeStrategy

    try:
        return isinstance(strategy, NativeStrategy) and point in strategy.load(config).points
    except ClearfwError:
        return True  # the preflight tells why it cannot


def survivors(plan: Plan, named: Sequence[str]) -> Plan:
    """Return PLAN without the strategies that are broken; where some were named, raise for the first such."""
    from clearfw.bench import preflight
    from clearfw.bench.run import Skipped

    sound, left_out = [], list(plan.left_out)
    for label, stack in plan.stacks:
        try:
            preflight.check(plan, label, stack)
            sound.append((label, stack))
        except ClearfwError as error:
            if named:
                raise
            left_out.append(Skipped(label, str(error).rstrip(), broken=True))
    return attrs.evolve(plan, stacks=sound, left_out=left_out)


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


def about(registry: Registry, plan: Plan, pinned: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the environment and the configuration that a result of PLAN carries."""
    from clearfw.results import environment

    strategies = {one.name: one for _, stack in plan.stacks for one in stack}
    config = {
        "workload": plan.workload.name,
        "strategies": [label for label, _ in plan.stacks],
        "primitives": list(plan.primitives),
        "rounds": plan.rounds,
        "cpu": pinned,
        **attrs.asdict(plan.options),
    }
    return environment.describe(registry, strategies.values()), config


def save(document: dict[str, Any], json_path: str | None, plot: Path | None) -> None:
    """Write what was measured as JSON, and as a picture of its throughput."""
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
        msg = f"--plot {path} asked for, no strategy has a figure: see why above"
        raise ConfigError(msg)
    plots.throughput(charts).save(path)
