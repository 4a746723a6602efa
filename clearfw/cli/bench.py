"""`clearfw bench`: strategies timed against each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli.options import (
    console_for,
    json_option,
    load_registry,
    picture,
    plugin_options,
    size,
    write_json,
)
from clearfw.errors import ClearfwError, ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from clearfw.config import Config
    from clearfw.measurement import Plan
    from clearfw.registry import Registry
    from clearfw.results import SceneRun
    from clearfw.strategies import Strategy
    from clearfw.workloads import Options, Workload

_INTERRUPTED = 130  # 128 + SIGINT


@click.command()
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...")
@click.option(
    "--workload", default="hugetlb", metavar="NAME", help="hugetlb (default), orders, churn or vmalloc."
)
@click.option("--memory", type=size, default=0, help="Size of the machine.  [default: the workload's]")
@click.option(
    "--rounds", type=click.IntRange(min=2), default=15, show_default=True, help="Samples of each row."
)
@click.option(
    "--touch", type=click.Choice(["none", "first", "all"]), default="none", help="Use a block once cleared."
)
@click.option("--hot", is_flag=True, help="Clear the same block again and again.")
@click.option(
    "--init-on-alloc",
    "init",
    flag_value="alloc",
    default="alloc",
    help="Time the clear on allocation (default).",
)
@click.option("--init-on-free", "init", flag_value="free", help="Time the clear on free.")
@click.option("--highmem", type=size, default=0, help="How much of it is in ZONE_HIGHMEM.")
@click.option(
    "--kasan",
    type=click.Choice(["off", "generic", "sw_tags", "hw_tags"]),
    default="off",
    help="The KASAN mode that is modelled.",
)
@click.option(
    "--backing",
    type=click.Choice(["auto", "hugetlb", "thp", "base"]),
    default="auto",
    help="The host's pages.",
)
@click.option("--page-size", type=size, default=4096, help="4K (default), 16K or 64K.")
@click.option(
    "--primitive",
    multiple=True,
    metavar="NAME",
    help='Its name, "kernel" or "best"; may be repeated.  [default: both]',
)
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="How many allocate at the same time.")
@click.option("--cpu", type=int, help="Run on this processor.  [default: the last allowed]")
@click.option("--seed", type=int, default=0, help="Of the order of samples, and of the churn.")
@click.option("--peers", is_flag=True, help="Time libc, numpy and the host kernel in the same rounds.")
@click.option("--plot", type=picture, metavar="FILE", help="Draw the throughput, as a .png or .svg file.")
@plugin_options
@json_option
def bench(
    strategy: tuple[str, ...],
    workload: str,
    rounds: int,
    primitive: tuple[str, ...],
    cpu: int | None,
    peers: bool,
    plot: Path | None,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
    init: str,
    **options: Any,  # noqa: ANN401  the fields of Options
) -> int:
    """Time strategies against each other, in rounds.

    Without arguments: 2 MiB blocks, every installed strategy, and the speed-up over per_page.
    A STRATEGY is a name, a stack as batched+highmem_fallback, or the path of a .c or .py file.
    Exit status: 0 done, 1 a strategy found wanting, 2 cannot, 130 interrupted.
    """
    from clearfw import measurement, report, workloads

    registry = load_registry(plugin, plugins_dir)
    _tell_failed(registry)
    chosen = _workload(registry, workload)
    how = workloads.Options(init_on_free=init == "free", **options)
    workloads.check_heeded(chosen, how)
    pinned = _pin(cpu, how.threads)
    plan = measurement.Plan(
        workload=chosen,
        options=how,
        stacks=list(_stacks(registry, chosen, how, strategy)),
        primitives=_primitives(registry, primitive),
        rounds=rounds,
        peers=_peers() if peers else (),
    )
    plan = _preflight(plan, strategy)
    console = console_for(json_path)
    runs: list[SceneRun] = []
    interrupted = _measure(plan, console, runs)
    if json_path or plot:
        _save(_document(registry, plan, runs, pinned), json_path, plot)
    if interrupted:
        return _INTERRUPTED
    return 1 if report.problems(runs) or any(run.skipped for run in runs if strategy) else 0


def _tell_failed(registry: Registry) -> None:
    for info in registry.plugins:
        if info.status == "failed":
            click.echo(f"clearfw: plugin {info.name} ({info.origin}) left out: {info.reason}", err=True)


def _workload(registry: Registry, name: str) -> Workload:
    if name not in registry.workloads:
        known = ", ".join(registry.workloads) or "none"
        msg = f"unknown workload {name!r}{nearest(name, registry.workloads)}: known are {known}"
        raise ConfigError(msg)
    found = registry.workloads[name]
    missing = [needed for needed in ("point", "heeds", "scenes", "open") if not hasattr(found, needed)]
    if missing:
        msg = f"workload {name} has no {', '.join(missing)}: write it as clearfw.workloads.Workload describes"
        raise ConfigError(msg)
    return found


def _pin(cpu: int | None, threads: int) -> int | None:
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


def _primitives(registry: Registry, asked: Sequence[str]) -> list[str]:
    """Return the primitives asked for: each is known, and this CPU has it."""
    from clearfw import primitives

    names = (
        name if name == "best" else primitives.load(name, registry.primitives)
        for name in asked or ("kernel", "best")
    )
    return list(dict.fromkeys(names))


def _peers() -> Sequence[Any]:
    from clearfw import peers

    return peers.available()


def _stacks(
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


def _preflight(plan: Plan, named: Sequence[str]) -> Plan:
    """Return PLAN without the strategies that are broken; where some were named, raise for the first such."""
    from clearfw import preflight
    from clearfw.results import Skipped

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


def _measure(plan: Plan, console: Console, runs: list[SceneRun]) -> bool:
    """Measure into RUNS, and print, scene by scene; return whether an interrupt ended it, or raise that."""
    from clearfw import report

    try:
        for run in _measured(plan, console):
            runs.append(run)
            console.print(report.scene(run))
            if (headline := report.headline(run)) is not None:
                console.print(headline)
    except KeyboardInterrupt:
        if not runs:
            raise
        return True
    return any(run.interrupted for run in runs)


def _measured(plan: Plan, console: Console) -> Iterator[SceneRun]:
    from rich.progress import Progress, TimeRemainingColumn

    from clearfw.measurement import measure

    columns = [*Progress.get_default_columns()[:-1], TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("setting up", total=plan.rounds)

        def progress(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=label or plan.workload.name)

        yield from measure(plan, progress)


def _save(document: dict[str, Any], json_path: str | None, plot: Path | None) -> None:
    if json_path:
        write_json(json_path, document)
    if plot:
        _plot(document, plot)


def _plot(document: dict[str, Any], path: Path) -> None:
    from clearfw import documents, pictures

    bench = documents.parse(document, "the result").content
    charts = [
        pictures.Chart(scene.scene, scene.rooflines, rows)
        for scene in bench.scenes
        if (rows := bench.sound(scene))
    ]
    if not charts:
        msg = f"--plot {path} asked for, no strategy has a figure: see why above"
        raise ConfigError(msg)
    pictures.throughput(charts).save(path)


def _document(registry: Registry, plan: Plan, runs: list[SceneRun], pinned: int | None) -> dict[str, Any]:
    from clearfw import environment, results

    strategies = {one.name: one for _, stack in plan.stacks for one in stack}
    described = environment.describe(registry, strategies.values())
    config = {
        "workload": plan.workload.name,
        "strategies": [label for label, _ in plan.stacks],
        "primitives": list(plan.primitives),
        "rounds": plan.rounds,
        "cpu": pinned,
        **attrs.asdict(plan.options),
    }
    return results.to_json(runs, described, config)
