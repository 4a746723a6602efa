"""Prediction: a recorded program's system time, had its kernel cleared with another strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw.bench.plan import chosen_primitives
from clearfw.workloads.replay import ReplayWorkload, clears_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearfw.bench.plan import Plan
    from clearfw.bench.run import Result, SceneRun
    from clearfw.registry import Registry
    from clearfw.traces.file import Trace

FORMULA = "predicted = recorded system time - the recording kernel's own clears + the strategy's clears"


@attrs.frozen(kw_only=True)
class Prediction:
    """The system time of a recorded program with a strategy in its kernel.

    Attributes:
        clears_s: the strategy's, as replayed here.
        predicted_s, ci95: by FORMULA; the interval is that of the ratio of clear times.
        change: of the recorded system time, as a fraction: -0.1 is 10 % less.
        change_over_baseline: of the time predicted for the baseline, under the same settings.

    """

    strategy: str
    primitive: str
    clears_s: float
    predicted_s: float
    ci95: tuple[float, float]
    change: float
    change_over_baseline: float


@attrs.frozen(kw_only=True)
class Recorded:
    """Figures that a prediction starts from.

    Attributes:
        system_s: the system time of the recorded program.
        clears_s: what the recording kernel's own clears take, replayed here with its own primitive.

    """

    system_s: float
    clears_s: float


@attrs.frozen
class Outcome:
    """A prediction and its input, or the reason why there is none."""

    recorded: Recorded | None = None
    predictions: Sequence[Prediction] = ()
    obstacle: str | None = None


def outcome(plan: Plan, run: SceneRun, registry: Registry, measure: Callable[[Plan], SceneRun]) -> Outcome:
    """Return the prediction from RUN, the replay of PLAN; MEASURE replays what its kernel cleared."""
    assert isinstance(plan.workload, ReplayWorkload)  # noqa: S101  only a replay has a program to predict for
    trace = plan.workload.replay.trace
    found = "it was interrupted" if run.interrupted else obstacle(trace, plan.options.touch)
    if found or trace.ending is None or trace.ending.system_s is None:
        return Outcome(obstacle=found)
    clears_s = _own_clears_s(plan, plan.workload, registry, measure)
    recorded = Recorded(system_s=trace.ending.system_s, clears_s=clears_s)
    predictions = predict(recorded, run.results)
    if predictions:
        return Outcome(recorded, predictions)
    return Outcome(
        recorded,
        obstacle=f"the clears alone take {clears_s:.3f} s here, of {recorded.system_s:.3f} s recorded: "
        "it is another machine's",
    )


def _own_clears_s(
    plan: Plan, workload: ReplayWorkload, registry: Registry, measure: Callable[[Plan], SceneRun]
) -> float:
    """Return what the recording kernel's own clears take: its settings, its primitive, page by page."""
    before = ReplayWorkload(workload.replay, "recorded").config(plan.options)
    # What init_on_alloc clears, no fault clears again: user_alloc_needs_zeroing(), 7.3.
    spared = not before.init_on_alloc and workload.config(plan.options).init_on_alloc
    own = ReplayWorkload(workload.replay, "recorded", faults=spared)
    if clears_nothing(own, before):
        return 0.0
    baseline = [(label, stack) for label, stack in plan.stacks if len(stack) == 1 and stack[0].baseline][:1]
    primitives = chosen_primitives(registry, ("kernel",))
    run = measure(attrs.evolve(plan, workload=own, stacks=baseline, primitives=primitives))
    return run.results[0].seconds.median


def obstacle(trace: Trace, touch: str) -> str | None:
    """Return why nothing can be predicted from TRACE, or None."""
    if trace.ending is None or trace.ending.system_s is None:
        return "the trace does not contain its program's system time: give it with --system-time"
    if trace.origin.init_on_alloc is None or trace.origin.init_on_free is None:
        return (
            "the trace does not say what its kernel cleared: import it with --init-on-alloc, --init-on-free"
        )
    if touch != "none":
        return f"--touch {touch} also times the consumer, which is not system time"
    return None


def predict(recorded: Recorded, results: Sequence[Result]) -> list[Prediction]:
    """Return a prediction for each ranked result; none if the clears alone exceed the recorded time."""
    rest_s = recorded.system_s - recorded.clears_s
    baseline = next((one for one in results if one.baseline == (one.strategy, one.primitive)), None)
    if rest_s < 0 or baseline is None:
        return []
    base_s = baseline.seconds.median
    found = [
        _one(recorded, rest_s, base_s, result)
        for result in results
        if result.ratio and not result.interpreted
    ]
    return sorted(found, key=lambda one: -one.predicted_s)


def _one(recorded: Recorded, rest_s: float, base_s: float, result: Result) -> Prediction:
    assert result.ratio is not None  # noqa: S101  predict() takes only such
    clears_s = base_s / result.ratio.ratio
    low, high = result.ratio.ci95
    predicted_s = rest_s + clears_s
    return Prediction(
        strategy=result.strategy,
        primitive=result.primitive,
        clears_s=clears_s,
        predicted_s=predicted_s,
        ci95=(rest_s + base_s / high, rest_s + base_s / low),
        change=predicted_s / recorded.system_s - 1,
        change_over_baseline=predicted_s / (rest_s + base_s) - 1,
    )
