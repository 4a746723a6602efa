"""Results of a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clearfw.bench.statistics import Ratio, Spread
    from clearfw.machine import Counters
    from clearfw.workloads.protocol import Latency


@attrs.frozen
class Roofline:
    """The best primitive over the same memory in the same rounds, without an allocator."""

    order: int | None
    primitive: str
    gbps: float


@attrs.frozen
class Skipped:
    """A strategy that was not timed, because it claims nothing here or is broken."""

    strategy: str
    reason: str
    broken: bool = False


@attrs.frozen(kw_only=True)
class Result:
    """One row: a strategy with a primitive, on one case of a workload.

    Attributes:
        primitive, resolved: the name in the options ("best"), and the primitive it means for this order.
        scene: the machine, if the workload has several.
        order: order of the blocks; None for all orders together.
        bytes: bytes cleared in one sample.
        rounds, rounds_thrown_out: samples that count, and samples of disturbed rounds.
        gbps: 1e9 bytes a second, at the median.
        modes_gbps: several if the samples fall into groups that are far apart.
        baseline: the strategy and primitive that the row is compared with.
        ratio: time(baseline) / time(this), above 1 is faster; None without baseline, or if left dirty.
        of_roofline: the share of the roofline reached.
        latency: latencies of single operations, if they were timed.
        latency_by_order: the same for each order, if a row covers several.
        claims: the share of the pages that it cleared itself, or None where that was not counted.
        dirty_offset: the first byte of a sample that was left dirty, or None.

    """

    strategy: str
    primitive: str
    resolved: str
    workload: str
    scene: str
    order: int | None
    bytes: int
    rounds: int
    rounds_thrown_out: int
    seconds: Spread
    gbps: float
    modes_gbps: tuple[float, ...]
    baseline: tuple[str, str] | None
    ratio: Ratio | None
    of_roofline: float
    counters: Counters | None
    latency: Latency | None
    latency_by_order: Mapping[int, Latency]
    interpreted: bool
    peer: bool
    dirty_offset: int | None
    claims: float | None = 1.0


@attrs.frozen(kw_only=True)
class SceneRun:
    """Everything measured on one machine.

    Attributes:
        label: name of the scene, if the workload has several.
        how: options that are not in the configuration: "touch=all", "hot", "2 threads".
        config: the machine's command line.
        backing, huge_bytes: the backing in use, and how much of it is huge.
        rounds: number of finished rounds.

    """

    workload: str
    label: str
    how: tuple[str, ...]
    config: str
    backing: str
    huge_bytes: int | None
    rooflines: tuple[Roofline, ...]
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...]
    rounds: int
    interrupted: bool


def problems(runs: Iterable[SceneRun]) -> list[str]:
    """Return a line for each strategy that failed."""
    found: dict[str, None] = {}
    for run in runs:
        for skipped in run.skipped:
            if skipped.broken:
                found[skipped.reason] = None
        for result in run.results:
            if result.dirty_offset is not None:
                found[_dirt(result)] = None
    return list(found)


def _dirt(result: Result) -> str:
    where = f"byte {result.dirty_offset} of a sample"
    return (
        f"{result.strategy} ({result.primitive}) left memory dirty, first at {where}: its times are not valid"
    )
