"""`clearfw replay` replays a recorded trace with every strategy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
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

if TYPE_CHECKING:
    from rich.console import Console

    from clearfw.bench.dry_run import DryRun
    from clearfw.bench.plan import Plan
    from clearfw.bench.prediction import Outcome
    from clearfw.bench.run import SceneRun
    from clearfw.traces.file import Trace
    from clearfw.workloads.replay import Mode


@click.command(
    epilog=examples(
        "clearfw replay sort.trace",
        "clearfw replay sort.trace --strategy mine.c --json replay.json",
        "clearfw replay sort.trace --as-recorded --rounds 5",
    )
)
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--strategy",
    multiple=True,
    metavar="NAME|FILE.c",
    shell_complete=names.strategies,
    help="A strategy or a stack; may be repeated.  [default: all installed]",
)
@click.option(
    "--init-on-alloc", "mode", flag_value="alloc", default="alloc", help="Clear on allocation (default)."
)
@click.option("--init-on-free", "mode", flag_value="free", help="Clear on free.")
@click.option("--as-recorded", "mode", flag_value="recorded", help="Clear what the recording kernel cleared.")
@click.option(
    "--memory", type=size, default=0, help="Memory of the machine.  [default: a quarter more than was live]"
)
@click.option(
    "--system-time", type=click.FloatRange(min=0), help="System time of the recorded program, in seconds."
)
@click.option("--allow-lost", is_flag=True, help="Replay a trace that lost events.")
@click.option("--plot", type=picture, metavar="FILE", help="Draw the throughput into a .png or .svg file.")
@measuring_options
@plugin_options
@json_option
def replay(
    trace: Path,
    strategy: tuple[str, ...],
    mode: Mode,
    rounds: int,
    primitive: tuple[str, ...],
    system_time: float | None,
    allow_lost: bool,
    cpu: int | None,
    plot: Path | None,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
    **options: Any,  # noqa: ANN401  the fields of Options
) -> int:
    """Replay a trace with every strategy and predict the gain.

    replay times the clears of every strategy and predicts the system time of the recorded program.
    Exit status: 0 success, 1 the trace lost events or a strategy failed, 2 clearfw cannot do it,
    130 interrupted.
    """
    from clearfw.bench import prediction
    from clearfw.bench.dry_run import dry_run
    from clearfw.bench.plan import Plan, chosen_primitives, stacks
    from clearfw.bench.run import problems
    from clearfw.results import bench
    from clearfw.results import replay as results
    from clearfw.workloads import protocol
    from clearfw.workloads.replay import ReplayWorkload, prepare

    registry = load_registry(plugin, plugins_dir)
    tell_failed(registry)
    console = console_for(json_path)
    read = _read(trace, system_time)
    if (missing := _missing(read)) and not allow_lost:
        click.echo(f"clearfw: {missing}: record it again, or use --allow-lost", err=True)
        return 1
    with console.status(f"reading {trace}"):
        workload = ReplayWorkload(prepare(read), mode)
    how = protocol.Options(**options)
    pinned = pin(cpu, 1)
    plan = Plan(
        workload=workload,
        options=how,
        stacks=list(stacks(registry, workload, how, strategy)),
        primitives=chosen_primitives(registry, primitive),
        rounds=rounds,
    )
    plan = _survivors(plan, strategy)
    dry = dry_run(workload.replay, workload.config(how))
    run = next(measured(plan, console))
    found = prediction.outcome(plan, run, registry, lambda own: next(measured(own, console)))
    _show(console, plan, run, dry, found)
    if json_path or plot:
        about = bench.about(registry, plan, pinned)
        save(results.to_json(plan, run, dry, found, about), json_path, plot)
    if run.interrupted:
        return INTERRUPTED
    return 1 if problems([run]) or (strategy and run.skipped) else 0


def _survivors(plan: Plan, named: tuple[str, ...]) -> Plan:
    """Return PLAN without broken strategies. A churn of all orders finds them, however long the trace is."""
    from clearfw.bench.preflight import survivors
    from clearfw.workloads.churn import Churn
    from clearfw.workloads.protocol import Options

    asked = plan.options
    mix = Options(highmem=asked.highmem, kasan=asked.kasan, backing=asked.backing)
    sound = survivors(attrs.evolve(plan, workload=Churn(), options=mix), named)
    return attrs.evolve(plan, stacks=sound.stacks, left_out=sound.left_out)


def _read(path: Path, system_time: float | None) -> Trace:
    from clearfw.traces import file

    trace = file.read(path)
    if system_time is None:
        return trace
    return attrs.evolve(trace, ending=attrs.evolve(trace.ending or file.Ending(), system_s=system_time))


def _missing(trace: Trace) -> str | None:
    """Return a message about events missing from TRACE, or None."""
    if trace.truncated or trace.ending is None:
        return f"{trace.path} was cut off, so an exact replay is impossible"
    if trace.ending.lost:
        return f"{trace.path} lost {trace.ending.lost:,} events, so an exact replay is impossible"
    return None


def _show(console: Console, plan: Plan, run: SceneRun, dry: DryRun, found: Outcome) -> None:
    from clearfw.reports.tables import replay as tables
    from clearfw.workloads.replay import ReplayWorkload

    assert isinstance(plan.workload, ReplayWorkload)  # noqa: S101  as replay() made it
    trace = plan.workload.replay.trace
    console.print(tables.trace_text(trace, plan.workload.replay.census, dry))
    console.print(tables.scene(run))
    if found.recorded and found.predictions:
        console.print(tables.predicted(trace, found.recorded, found.predictions))
    else:
        console.print(f"No prediction: {found.obstacle}")
