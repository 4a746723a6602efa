"""`clearfw bench`: strategies timed against each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from clearfw.cli.options import Size, console_for, json_option, load_registry, plugin_options, write_json
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from clearfw.measurement import Plan
    from clearfw.registry import Registry
    from clearfw.results import SceneRun
    from clearfw.strategies import Strategy
    from clearfw.workloads import Options, Workload


@click.command()
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...")
@click.option("--workload", default="hugetlb", help="hugetlb, orders, churn, vmalloc, or a plugin's own.")
@click.option("--memory", type=Size(), default=0, help="Size of the machine.  [default: the workload's]")
@click.option("--rounds", type=click.IntRange(min=2), default=15, show_default=True, help="Samples of each row.")
@click.option("--touch", type=click.Choice(["none", "first", "all"]), default="none", help="Use each block after its clear.")
@click.option("--hot", is_flag=True, help="Clear the same block again and again.")
@click.option("--init-on-alloc", "init", flag_value="alloc", default="alloc", help="Time the clear on allocation (default).")
@click.option("--init-on-free", "init", flag_value="free", help="Time the clear on free.")
@click.option("--highmem", type=Size(), default=0, help="This much of the memory in ZONE_HIGHMEM.")
@click.option("--kasan", type=click.Choice(["off", "generic", "sw_tags", "hw_tags"]), default="off")
@click.option("--backing", type=click.Choice(["auto", "hugetlb", "thp", "base"]), default="auto", show_default=True)
@click.option("--page-size", type=Size(), default=4096, help="4K, 16K or 64K.")
@click.option("--primitive", multiple=True, help='A primitive\'s name, "kernel" or "best"; may be repeated.  [default: both]')
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="Threads that allocate at the same time.")
@click.option("--cpu", type=int, help="Run on this processor.  [default: the last allowed]")
@click.option("--seed", type=int, default=0, help="Of the order of samples, and of the churn.")
@click.option("--peers", is_flag=True, help="Time libc, numpy and the host kernel in the same rounds.")
@plugin_options
@json_option
def bench(  # noqa: PLR0913  one parameter an option
    strategy: tuple[str, ...],
    workload: str,
    rounds: int,
    primitive: tuple[str, ...],
    cpu: int | None,
    peers: bool,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
    init: str,
    **options: Any,
) -> int:
    """Time strategies against each other, in rounds, on this machine's memory.

    Without arguments: 2 MiB blocks, every installed strategy, and the speed-up over per_page.
    A STRATEGY is a name, a stack as batched+highmem_fallback, or the path of a .c or .py file.
    """
    from clearfw import environment, measurement, report, results
    from clearfw.workloads import Options

    registry = load_registry(plugin, plugins_dir)
    chosen = _workload(registry, workload)
    how = Options(init_on_free=init == "free", **options)
    _pin(cpu, how.threads)
    plan = _plan(registry, chosen, how, strategy, primitive, rounds, peers=peers)
    _preflight(plan, strategy)
    console = console_for(json_path)
    runs: list[SceneRun] = []
    for run in _measured(plan, console):
        runs.append(run)
        console.print(report.scene(run))
        console.print(report.headline(run))
    if json_path:
        strategies = {one.name: one for _, stack in plan.stacks for one in stack}
        described = environment.describe(registry, strategies.values())
        config = {"workload": workload, "rounds": rounds, "primitives": list(plan.primitives), "init": init, **options}
        write_json(json_path, results.to_json(runs, described, config))
    return 1 if report.problems(runs) or any(run.skipped for run in runs if strategy) else 0


def _workload(registry: Registry, name: str) -> Workload:
    from clearfw.errors import nearest

    if name in registry.workloads:
        return registry.workloads[name]
    known = ", ".join(registry.workloads) or "none"
    msg = f"unknown workload {name!r}{nearest(name, registry.workloads)}: known are {known}"
    raise ConfigError(msg)


def _pin(cpu: int | None, threads: int) -> None:
    """Pin to one processor, unless several threads want several."""
    allowed = os.sched_getaffinity(0)
    if cpu is not None and cpu not in allowed:
        msg = f"--cpu {cpu} asked for, allowed are {', '.join(map(str, sorted(allowed)))}: choose one of them"
        raise ConfigError(msg)
    if threads == 1:
        os.sched_setaffinity(0, {max(allowed) if cpu is None else cpu})
    elif cpu is not None:
        msg = f"--cpu {cpu} with --threads {threads}: threads on one processor only take turns; leave one of the two out"
        raise ConfigError(msg)


def _plan(
    registry: Registry,
    workload: Workload,
    options: Options,
    named: Sequence[str],
    primitive: Sequence[str],
    rounds: int,
    *,
    peers: bool,
) -> Plan:
    from clearfw import peers as peers_module
    from clearfw import primitives
    from clearfw.measurement import Plan

    kernel = primitives.resolve("kernel")
    names = list(dict.fromkeys(kernel if one == "kernel" else one for one in primitive or (kernel, "best")))
    for name in names:
        if name != "best":
            # Before anything is measured: it is known, and this CPU has it.
            primitives.load(name, registry.primitives)
    return Plan(
        workload=workload,
        options=options,
        stacks=list(_stacks(registry, workload, options, named)),
        primitives=names,
        rounds=rounds,
        peers=peers_module.available() if peers else (),
    )


def _stacks(
    registry: Registry, workload: Workload, options: Options, named: Sequence[str]
) -> Iterator[tuple[str, tuple[Strategy, ...]]]:
    """The rows: the baseline of the workload's init point, then what was named, or everything that serves it."""
    from clearfw.strategies import NativeStrategy, parse_stack

    scene = workload.scenes(options)[0]
    point = workload.point
    serving = [
        one
        for one in registry.strategies.values()
        if isinstance(one, NativeStrategy) and point in one.load(scene.config).points
    ]
    rows: dict[str, tuple[Strategy, ...]] = {one.name: (one,) for one in serving if one.baseline}
    texts = list(named) or [one.name for one in serving]
    if not named and scene.config.config_highmem:
        # Of the default stack, the part that this init point asks.
        default = parse_stack(registry.default_stack(scene.config), registry.strategies)
        texts.append("+".join(one.name for one in default if one in serving))
    for text in texts:
        stack = parse_stack(text, registry.strategies)
        rows["+".join(one.name for one in stack)] = stack
    yield from rows.items()


def _preflight(plan: Plan, named: Sequence[str]) -> None:
    """Strategies that were named may be anybody's: a crash is to be a line, not the end of this process."""
    from clearfw import preflight

    if named:
        preflight.check(plan)


def _measured(plan: Plan, console: Console) -> Iterator[SceneRun]:
    from rich.progress import Progress, TimeRemainingColumn

    from clearfw.measurement import measure

    columns = [*Progress.get_default_columns()[:-1], TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("setting up", total=plan.rounds)

        def progress(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=label or plan.workload.name)

        yield from measure(plan, progress)
