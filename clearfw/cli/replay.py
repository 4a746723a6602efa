"""`clearfw replay`: a recorded trace through the init points, under every strategy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli import names
from clearfw.cli.measuring import (
    about,
    chosen_primitives,
    measured,
    measuring_options,
    pin,
    save,
    stacks,
    survivors,
    tell_failed,
)
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

    from clearfw.bench.measurement import Plan
    from clearfw.bench.prediction import Prediction, Recorded
    from clearfw.bench.run import SceneRun
    from clearfw.registry import Registry
    from clearfw.traces.file import Trace
    from clearfw.workloads.replay import DryRun, Mode, ReplayWorkload


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
@click.option("--as-recorded", "mode", flag_value="recorded", help="Clear what the recording kernel did.")
@click.option(
    "--memory", type=size, default=0, help="Size of the machine.  [default: what was live, and more]"
)
@click.option("--system-time", type=click.FloatRange(min=0), help="The recorded program's, in seconds.")
@click.option("--allow-lost", is_flag=True, help="Replay although events are missing.")
@click.option("--plot", type=picture, metavar="FILE", help="Draw the throughput, as a .png or .svg file.")
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
    """Replay a trace under every strategy, and predict.

    The clears of every strategy are timed, and the system time of what was recorded is predicted.
    Exit status: 0 done, 1 found wanting (events were lost, or a strategy misbehaves), 2 cannot,
    130 interrupted.
    """
    from clearfw.bench import measurement
    from clearfw.workloads import protocol
    from clearfw.workloads.replay import ReplayWorkload, dry_run, prepare

    registry = load_registry(plugin, plugins_dir)
    tell_failed(registry)
    console = console_for(json_path)
    read = _read(trace, system_time)
    if (missing := _missing(read)) and not allow_lost:
        click.echo(
            f"clearfw: {missing}: record it again, or replay what there is with --allow-lost", err=True
        )
        return 1
    with console.status(f"reading {trace}"):
        workload = ReplayWorkload(prepare(read), mode)
    how = protocol.Options(**options)
    pinned = pin(cpu, 1)
    plan = measurement.Plan(
        workload=workload,
        options=how,
        stacks=list(stacks(registry, workload, how, strategy)),
        primitives=chosen_primitives(registry, primitive),
        rounds=rounds,
    )
    plan = _survivors(plan, strategy)
    dry = dry_run(workload.replay, workload.config(how))
    run = next(measured(plan, console))
    found = _Found(workload, plan, run, dry)
    found.predict(registry, console)
    found.show(console)
    if json_path or plot:
        save(found.document(registry, pinned), json_path, plot)
    if run.interrupted:
        return INTERRUPTED
    return 1 if found.wanting(strategy) else 0


def _survivors(plan: Plan, named: tuple[str, ...]) -> Plan:
    """Return PLAN without the broken strategies: a mix of all orders tells them, however long the trace."""
    from clearfw.workloads.protocol import Churn, Options

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
    """Return what is missing from TRACE, or None."""
    if trace.truncated or trace.ending is None:
        return f"{trace.path} was cut off, an exact replay is asked for"
    if trace.ending.lost:
        return f"{trace.path} lost {trace.ending.lost:,} events, an exact replay is asked for"
    return None


@attrs.define
class _Found:
    """Everything found of a trace."""

    workload: ReplayWorkload
    plan: Plan
    run: SceneRun
    dry: DryRun
    recorded: Recorded | None = None
    predictions: list[Prediction] = attrs.field(factory=list)
    obstacle: str | None = None

    @property
    def trace(self) -> Trace:
        """The trace that was replayed."""
        return self.workload.replay.trace

    def predict(self, registry: Registry, console: Console) -> None:
        """Predict, or find what is in the way."""
        from clearfw.bench.prediction import Recorded, obstacle, predict

        self.obstacle = (
            "it was interrupted" if self.run.interrupted else obstacle(self.trace, self.plan.options.touch)
        )
        if self.obstacle or self.trace.ending is None or self.trace.ending.system_s is None:
            return
        self.recorded = Recorded(
            system_s=self.trace.ending.system_s, clears_s=_own_clears(self.plan, registry, console)
        )
        self.predictions = predict(self.recorded, self.run.results)
        if not self.predictions:
            self.obstacle = (
                f"the clears alone take {self.recorded.clears_s:.3f} s here, "
                f"of {self.recorded.system_s:.3f} s recorded: it is another machine's"
            )

    def show(self, console: Console) -> None:
        """Print it."""
        from clearfw.reports.tables import replay as replay_report

        console.print(replay_report.trace_text(self.trace, self.workload.replay.census, self.dry))
        console.print(replay_report.scene(self.run))
        if self.recorded and self.predictions:
            console.print(replay_report.predicted(self.trace, self.recorded, self.predictions))
        else:
            console.print(f"No prediction: {self.obstacle}")

    def document(self, registry: Registry, pinned: int | None) -> dict[str, Any]:
        """Return it as JSON, schema clearfw.replay/1."""
        from clearfw.bench import prediction
        from clearfw.bench import run as results

        trace, census = self.trace, self.workload.replay.census
        return {
            **results.to_json([self.run], *about(registry, self.plan, pinned)),
            "schema": "clearfw.replay/1",
            "trace": {
                "path": str(trace.path),
                "exact": trace.exact,
                "truncated": trace.truncated,
                "origin": attrs.asdict(trace.origin),
                "ending": trace.ending and attrs.asdict(trace.ending),
            },
            "census": attrs.asdict(census),
            "mode": self.workload.mode,
            "bare": attrs.asdict(self.dry),
            "prediction": {
                "formula": prediction.FORMULA,
                "recorded": self.recorded and attrs.asdict(self.recorded),
                "none_because": self.obstacle,
                "results": [attrs.asdict(one) for one in self.predictions],
            },
        }

    def wanting(self, named: tuple[str, ...]) -> bool:
        """Whether a strategy was found wanting; one that was named must have been replayed."""
        from clearfw.reports.tables import bench

        return bool(bench.problems([self.run]) or (named and self.run.skipped))


def _own_clears(plan: Plan, registry: Registry, console: Console) -> float:
    """Return the seconds of the recording kernel's own clears: its settings, its primitive, page by page."""
    from clearfw.workloads.replay import ReplayWorkload, clears_nothing

    assert isinstance(plan.workload, ReplayWorkload)  # noqa: S101  as replay() made it
    before = ReplayWorkload(plan.workload.replay, "recorded").config(plan.options)
    # What init_on_alloc clears, no fault clears again: user_alloc_needs_zeroing(), 7.3.
    spared = not before.init_on_alloc and plan.workload.config(plan.options).init_on_alloc
    workload = ReplayWorkload(plan.workload.replay, "recorded", faults=spared)
    if clears_nothing(workload, before):
        return 0.0
    baseline = [(label, stack) for label, stack in plan.stacks if len(stack) == 1 and stack[0].baseline][:1]
    own = attrs.evolve(
        plan,
        workload=workload,
        stacks=baseline,
        primitives=chosen_primitives(registry, ("kernel",)),
    )
    run = next(measured(own, console))
    return run.results[0].seconds.median
