"""Benches as they are saved, schema clearfw.bench/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, gt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearfw.bench.plan import Plan
    from clearfw.bench.run import Result, Roofline, SceneRun
    from clearfw.registry import Registry


SCHEMA = "clearfw.bench/1"


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


def to_json(
    runs: list[SceneRun], environment: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document that `clearfw bench --json` writes."""
    rooflines = [roofline for run in runs for roofline in run.rooflines]
    return {
        "schema": SCHEMA,
        "environment": dict(environment),
        "config": dict(config),
        "roofline": _roofline(rooflines[0]) if rooflines else None,
        "scenes": [_scene(run) for run in runs],
        "results": [_result(result) for run in runs for result in run.results],
    }


def _roofline(roofline: Roofline) -> dict[str, Any]:
    return {"primitive": roofline.primitive, "gbps": roofline.gbps}


def _scene(run: SceneRun) -> dict[str, Any]:
    return {
        "scene": run.label,
        "machine": run.config,
        "backing": run.backing,
        "huge_bytes": run.huge_bytes,
        "rounds": run.rounds,
        "interrupted": run.interrupted,
        "rooflines": [attrs.asdict(roofline) for roofline in run.rooflines],
        "skipped": [attrs.asdict(skipped) for skipped in run.skipped],
    }


def _result(result: Result) -> dict[str, Any]:
    baseline = None
    if result.ratio is not None:
        strategy, primitive = result.baseline or ("", "")
        ratio = attrs.asdict(result.ratio)
        baseline = {"strategy": strategy, "primitive": primitive, **ratio, "ci95": list(result.ratio.ci95)}
    return {
        **attrs.asdict(result, filter=attrs.filters.exclude("ratio", "baseline")),
        "modes_gbps": list(result.modes_gbps),
        "latency_by_order": [
            {"order": order, **attrs.asdict(latency)} for order, latency in result.latency_by_order.items()
        ],
        "baseline": baseline,
    }


def _above_zero(*, deep: bool = False) -> Any:  # noqa: ANN401  an attrs field
    return attrs.field(validator=attrs.validators.deep_iterable(gt(0)) if deep else gt(0))


@attrs.frozen
class SavedSeconds:
    """The time of one sample."""

    median: float = _above_zero()
    min: float = _above_zero()
    max: float = _above_zero()


@attrs.frozen
class SavedBaseline:
    """Comparison of a row with the baseline: ratio is time(baseline) / time(row), with its 95 % interval."""

    strategy: str
    primitive: str
    ratio: float = _above_zero()
    ci95: tuple[float, float] = _above_zero(deep=True)


@attrs.frozen
class SavedLatency:
    """Nanoseconds of single allocations."""

    p50_ns: float = _above_zero()
    p99_ns: float = _above_zero()
    max_ns: float = _above_zero()


@attrs.frozen(kw_only=True)
class SavedOrderLatency(SavedLatency):
    """Latencies of one order, and their total time."""

    order: int = attrs.field(validator=ge(0))
    count: int
    total_ns: float


@attrs.frozen(kw_only=True, eq=False)
class SavedRow:
    """A strategy with a primitive, on one case of a workload or on a trace: as results.Result was saved."""

    strategy: str
    primitive: str
    resolved: str
    scene: str
    order: int | None = attrs.field(validator=attrs.validators.optional(ge(0)))
    bytes: int = _above_zero()
    rounds: int
    rounds_thrown_out: int
    seconds: SavedSeconds
    modes_gbps: tuple[float, ...]
    of_roofline: float
    baseline: SavedBaseline | None
    counters: dict[str, int] | None
    latency: SavedLatency | None
    latency_by_order: tuple[SavedOrderLatency, ...] = ()
    interpreted: bool
    peer: bool
    dirty_offset: int | None
    claims: float | None = 1.0

    @property
    def gbps(self) -> float:
        """1e9 bytes a second, at the median."""
        return self.bytes / self.seconds.median / 1e9

    @property
    def instructions(self) -> str:
        """The primitive; for "best" also the primitive that it was."""
        same = self.resolved == self.primitive
        return self.primitive if same else f"{self.primitive}: {self.resolved}"

    @property
    def is_baseline(self) -> bool:
        """Whether it is what the others are compared with."""
        base = self.baseline
        return base is not None and (base.strategy, base.primitive) == (self.strategy, self.primitive)


@attrs.frozen
class SavedRoofline:
    """The best primitive over the same memory, with no allocator in the way."""

    order: int | None = attrs.field(validator=attrs.validators.optional(ge(0)))
    primitive: str
    gbps: float = _above_zero()


@attrs.frozen
class SavedSkipped:
    """A strategy that was not timed."""

    strategy: str
    reason: str
    broken: bool


@attrs.frozen
class SavedScene:
    """One machine of a bench."""

    scene: str
    machine: str
    backing: str
    rounds: int
    interrupted: bool
    rooflines: tuple[SavedRoofline, ...]
    skipped: tuple[SavedSkipped, ...]


@attrs.frozen
class SavedBenchConfig:
    """Options of a bench."""

    workload: str
    touch: str
    hot: bool
    threads: int


@attrs.frozen
class SavedBench:
    """Saved results of `clearfw bench`."""

    environment: dict[str, Any]
    config: SavedBenchConfig
    scenes: tuple[SavedScene, ...]
    results: tuple[SavedRow, ...]

    def rows(self, scene: SavedScene) -> list[SavedRow]:
        """Return the rows of one machine."""
        return [row for row in self.results if row.scene == scene.scene]

    def sound(self, scene: SavedScene) -> list[SavedRow]:
        """Return those that have a figure: the others left memory dirty."""
        return [row for row in self.rows(scene) if row.dirty_offset is None]

    def ranked(self, scene: SavedScene) -> list[SavedRow]:
        """Return the rows that are ranked; interpreted rows are not."""
        return [row for row in self.sound(scene) if not row.interpreted]
