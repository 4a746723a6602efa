"""Replays as they are saved, schema clearfw.replay/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from clearfw.bench import prediction
from clearfw.results import bench
from clearfw.results.bench import SavedBench
from clearfw.workloads.replay import ReplayWorkload

if TYPE_CHECKING:
    from clearfw.bench.dry_run import DryRun
    from clearfw.bench.plan import Plan
    from clearfw.bench.prediction import Outcome
    from clearfw.bench.run import SceneRun

SCHEMA = "clearfw.replay/1"


def to_json(
    plan: Plan, run: SceneRun, dry: DryRun, outcome: Outcome, about: tuple[dict[str, Any], dict[str, Any]]
) -> dict[str, Any]:
    """Return the document that `clearfw replay --json` writes; ABOUT as results.bench.about() has it."""
    assert isinstance(plan.workload, ReplayWorkload)  # noqa: S101  only a replay is saved so
    trace = plan.workload.replay.trace
    return {
        **bench.to_json([run], *about),
        "schema": SCHEMA,
        "trace": {
            "path": str(trace.path),
            "exact": trace.exact,
            "truncated": trace.truncated,
            "origin": attrs.asdict(trace.origin),
            "ending": trace.ending and attrs.asdict(trace.ending),
        },
        "census": attrs.asdict(plan.workload.replay.census),
        "mode": plan.workload.mode,
        "bare": attrs.asdict(dry),
        "prediction": {
            "formula": prediction.FORMULA,
            "recorded": outcome.recorded and attrs.asdict(outcome.recorded),
            "none_because": outcome.obstacle,
            "results": [attrs.asdict(one) for one in outcome.predictions],
        },
    }


@attrs.frozen
class SavedPrediction:
    """Predicted system time with a strategy; `change` is relative to the recorded time."""

    strategy: str
    primitive: str
    clears_s: float
    predicted_s: float
    ci95: tuple[float, float]
    change: float


@attrs.frozen
class SavedRecorded:
    """Recorded system time, and the part of it that clears took."""

    system_s: float
    clears_s: float


@attrs.frozen
class SavedPredictions:
    """Why there are none, or what they start from and are."""

    formula: str
    recorded: SavedRecorded | None
    none_because: str | None
    results: tuple[SavedPrediction, ...]


@attrs.frozen
class SavedTrace:
    """The replayed trace."""

    path: str
    exact: bool


@attrs.frozen
class SavedReplay(SavedBench):
    """Saved results of `clearfw replay`; each row covers all orders together."""

    trace: SavedTrace
    mode: str
    prediction: SavedPredictions
