"""`clearfw bench` times strategies and compares them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from clearfw.cli import names
from clearfw.cli.measuring import measured, measuring_options, pin, save, tell_failed
from clearfw.cli.options import (
    INTERRUPTED,
    console_for,
    examples,
    json_option,
    load_registry,
    picture,
    plugin_options,
    size,
)
from clearfw.cli.taking import take, tree_options
from clearfw.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from clearfw.bench.plan import Plan
    from clearfw.bench.run import SceneRun
    from clearfw.registry import Registry
    from clearfw.strategies import Strategy
    from clearfw.workloads.protocol import Options, Workload


@click.command(
    epilog=examples(
        "clearfw bench",
        "clearfw bench mine.c batched --memory 256M --rounds 6",
        "clearfw bench --watch mine.c --memory 256M --rounds 6",
        "clearfw bench v3.patch --tree ~/linux --memory 256M --rounds 6",
        "clearfw bench --workload orders --touch all --json run.json",
    )
)
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...", shell_complete=names.strategies)
@click.option(
    "--workload",
    default="hugetlb",
    metavar="NAME",
    shell_complete=names.workloads,
    help="hugetlb (default), orders, lists, churn or vmalloc.",
)
@click.option("--memory", type=size, default=0, help="Memory of the machine.  [default: the workload's]")
@click.option("--hot", is_flag=True, help="Clear the same block again and again.")
@click.option(
    "--init-on-alloc",
    "init",
    flag_value="alloc",
    default="alloc",
    help="Time the clear on allocation (default).",
)
@click.option("--init-on-free", "init", flag_value="free", help="Time the clear on free.")
@click.option("--page-size", type=size, default=4096, help="4K (default), 16K or 64K.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="Threads that allocate at once.")
@click.option(
    "--dirty",
    type=click.IntRange(0, 100),
    default=100,
    metavar="PERCENT",
    help="Percentage of pages that hold data before they are cleared.  [default: 100]",
)
@click.option("--peers", is_flag=True, help="Time libc, numpy and the host kernel in the same rounds.")
@click.option("--plot", type=picture, metavar="FILE", help="Draw the throughput into a .png or .svg file.")
@click.option("--watch", is_flag=True, help="Check and time again whenever a named file is saved.")
@measuring_options
@tree_options
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
    watch: bool,
    tree: Path | None,
    function: str | None,
    reverse: bool,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
    init: str,
    **options: Any,  # noqa: ANN401  the fields of Options
) -> int:
    """Time strategies and compare them.

    Without arguments, bench times 2 MiB blocks with every installed strategy, and prints the speed-up over
    per_page. A STRATEGY is a name, a stack such as batched+highmem_fallback, or the path of a .c or .py file.
    Exit status: 0 success, 1 a strategy failed, 2 clearfw cannot do it, 130 interrupted.
    """
    from clearfw.bench.plan import chosen_primitives
    from clearfw.bench.run import problems
    from clearfw.results import bench as results
    from clearfw.workloads import protocol

    registry, strategy = take(load_registry(plugin, plugins_dir), strategy, tree, function, reverse=reverse)
    tell_failed(registry)
    chosen = _workload(registry, workload)
    how = protocol.Options(init_on_free=init == "free", **options)
    protocol.check_supported(chosen, how)
    pinned = pin(cpu, how.threads)
    primitives = chosen_primitives(registry, primitive)
    make = functools.partial(_plan, registry, chosen, how, strategy, primitives, rounds, peers=peers)
    if watch:
        return _watch(make, strategy, registry.strategies, json_path, plot)
    plan = make()
    console = console_for(json_path)
    runs: list[SceneRun] = []
    interrupted = _measure(plan, console, runs)
    if json_path or plot:
        save(results.to_json(runs, *results.about(registry, plan, pinned)), json_path, plot)
    if interrupted:
        return INTERRUPTED
    return 1 if problems(runs) or any(run.skipped for run in runs if strategy) else 0


def _workload(registry: Registry, name: str) -> Workload:
    from clearfw.workloads import protocol

    if name not in registry.workloads:
        known = ", ".join(registry.workloads) or "none"
        msg = f"unknown workload {name!r}{nearest(name, registry.workloads)}: known are {known}"
        raise ConfigError(msg)
    return protocol.checked(registry.workloads[name])


def _plan(
    registry: Registry,
    workload: Workload,
    options: Options,
    named: Sequence[str],
    primitives: Sequence[str],
    rounds: int,
    *,
    peers: bool,
) -> Plan:
    """Return the plan of the measurement, without broken strategies."""
    from clearfw.bench.plan import Plan, stacks
    from clearfw.bench.preflight import survivors

    plan = Plan(
        workload=workload,
        options=options,
        stacks=list(stacks(registry, workload, options, named)),
        primitives=primitives,
        rounds=rounds,
        peers=_peers() if peers else (),
    )
    return survivors(plan, named)


def _watch(
    make: Callable[[], Plan],
    named: Sequence[str],
    known: Mapping[str, Strategy],
    json_path: str | None,
    plot: Path | None,
) -> int:
    from clearfw.cli import watch

    if json_path or plot:
        option = "--json" if json_path else "--plot"
        msg = f"{option} does not work with --watch, which runs until Ctrl-C: leave one out"
        raise ConfigError(msg)
    return watch.run(make, watch.files(named, known), console_for(json_path))


def _peers() -> Sequence[Any]:
    from clearfw.bench import peers

    return peers.available()


def _measure(plan: Plan, console: Console, runs: list[SceneRun]) -> bool:
    """Measure and print each scene, and append it to RUNS; return whether an interrupt ended it."""
    from clearfw.reports.tables import bench as tables

    try:
        for run in measured(plan, console):
            runs.append(run)
            console.print(tables.scene(run))
            if (headline := tables.headline(run)) is not None:
                console.print(headline)
    except KeyboardInterrupt:
        if not runs:
            raise
        return True
    return any(run.interrupted for run in runs)
