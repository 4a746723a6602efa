"""Results: what a measurement found, and its JSON form, schema clearfw.bench/1."""

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
    """The best primitive over the same memory in the same rounds, with no allocator in the way."""

    order: int | None
    primitive: str
    gbps: float


@attrs.frozen
class Skipped:
    """A strategy that was not timed: it passes on here, or it is broken."""

    strategy: str
    reason: str
    broken: bool = False


@attrs.frozen(kw_only=True)
class Result:
    """One row: a strategy with a primitive, on one case of a workload.

    Attributes:
        primitive, resolved: as asked for ("best"), and which it is for blocks of this order.
        scene: the machine it ran on, where a workload has several.
        order: of the blocks; None for all together.
        bytes: cleared in one sample.
        rounds, rounds_thrown_out: samples that count, and those of disturbed rounds.
        gbps: 1e9 bytes a second, at the median.
        modes_gbps: more than one where the samples fall into groups far apart.
        baseline: the strategy and primitive that ratio is against.
        ratio: time(baseline) / time(this), above 1 is faster; None without baseline, or if left dirty.
        of_roofline: the share of the roofline reached.
        latency: of single operations, where they were timed.
        latency_by_order: likewise, where a row is of several orders.
        claims: the share of the pages that it cleared itself, or None where that was not counted.
        dirty_offset: the first byte of a sample found dirty, where the strategy did not clear.

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
        label: of the scene, where the workload has several.
        how: what the configuration does not say of it: "touch=all", "hot", "2 threads".
        config: the machine's command line.
        backing, huge_bytes: what the memory really was.
        rounds: finished ones.

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
    """Return a line for each strategy that was found wanting."""
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
