"""Reports: results as tables for people; pure functions of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from clearfw.registry import Registry
    from clearfw.results import Result, SceneRun

# Linux mainline b001cf7d16dd (7.2): 8192 huge pages of 2 MiB, init_on_alloc=1, 0.445 s to 0.166 s, on an AMD server.
PUBLISHED_RATIO = 2.68
# What one kmap_local_page() and its kunmap_local() cost a kernel: an assumption, not measured here.
KMAP_PRICE_NS = 25


def scene(run: SceneRun) -> RenderableType:
    """Return the table of one machine's results, and what must be known to read it."""
    parts: list[RenderableType] = [Text(_heading(run), style="bold")]
    if run.results:
        parts.append(_table(run))
    parts += [Text(note, style="dim") for note in _notes(run)]
    parts += [Text(problem, style="bold red") for problem in problems([run])]
    return Group(*parts)


def problems(runs: Iterable[SceneRun]) -> list[str]:
    """Return a line for each strategy that was found wanting."""
    return [
        f"{result.strategy} ({result.primitive}) left memory dirty, first at byte {result.dirty_offset} of a sample: "
        "its times are of no use"
        for run in runs
        for result in run.results
        if result.dirty_offset is not None
    ]


def _heading(run: SceneRun) -> str:
    huge = "unknown" if run.huge_bytes is None else _mib(run.huge_bytes)
    label = f"{run.label}: " if run.label else ""
    rounds = f"{run.results[0].rounds} rounds" if run.results else "no rounds"
    return f"{label}{run.config}, backing {run.backing} ({huge} in huge pages), {rounds}"


def _mib(nbytes: int) -> str:
    return f"{nbytes >> 20} MiB"


def _grid() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _table(run: SceneRun) -> Table:
    table = _grid()
    latency = any(result.latency for result in run.results)
    baseline = next((result.baseline for result in run.results if result.baseline), None)
    for column in ("order", "strategy", "primitive"):
        table.add_column(column, overflow="fold")
    numbers = ["GB/s", f"x {baseline[0]}" if baseline else "", "95 %", "of roof", "kmaps", "walks"]
    for column in [*numbers, *(["p50", "p99", "max"] if latency else [])]:
        table.add_column(column, justify="right", no_wrap=True)
    for order in dict.fromkeys(result.order for result in run.results):
        _add_order(table, run, order, latency=latency)
    return table


def _add_order(table: Table, run: SceneRun, order: int | None, *, latency: bool) -> None:
    label = "all" if order is None else str(order)
    for result in sorted((one for one in run.results if one.order == order), key=_rank):
        table.add_row(label, *_row(result, latency=latency), style="dim" if result.peer else None)
    roofline = next((one for one in run.rooflines if one.order in (order, None)), None)
    if roofline:
        table.add_row(label, "(roofline)", roofline.primitive, f"{roofline.gbps:.2f}", style="dim")
    table.add_section()


def _rank(result: Result) -> tuple[bool, float]:
    """By the ratio; what is interpreted is not ranked, nor are peers."""
    return result.interpreted or result.peer, result.ratio.ratio if result.ratio else result.gbps


def _row(result: Result, *, latency: bool) -> list[str]:
    counters = result.counters
    several = len(result.modes_gbps) > 1
    cells = [
        f"{result.strategy} (interpreted)" if result.interpreted else result.strategy,
        f"{result.primitive}: {result.resolved}" if result.resolved != result.primitive else result.primitive,
        f"{result.gbps:.2f}" + "*" * several,
        f"{result.ratio.ratio:.2f}" if result.ratio else "",
        "{:.2f}-{:.2f}".format(*result.ratio.ci95) if result.ratio else "",
        f"{result.of_roofline:.0%}",
        _count(counters.kmaps if counters else None),
        _count(counters.page_walks if counters else None),
    ]
    if latency and result.latency:
        cells += [_ns(result.latency.p50_ns), _ns(result.latency.p99_ns), _ns(result.latency.max_ns)]
    return cells


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _ns(ns: float) -> str:
    return f"{ns / 1000:.1f} us" if ns >= 1000 else f"{ns:.0f} ns"  # noqa: PLR2004


def _notes(run: SceneRun) -> list[str]:
    notes = []
    if run.interrupted:
        notes.append(f"interrupted after {run.rounds} whole rounds: what stands here is of those")
    thrown = max((result.rounds_thrown_out for result in run.results), default=0)
    if thrown:
        notes.append(f"{thrown} rounds thrown out: their roofline fell below 0.8 of its median")
    notes += [_modes(result) for result in run.results if len(result.modes_gbps) > 1]
    kmaps = max((result.counters.kmaps for result in run.results if result.counters), default=0)
    if kmaps:
        price_ms = kmaps * KMAP_PRICE_NS / 1e6
        notes.append(
            f"kmaps are counted, not timed: {kmaps:,} a sample at an assumed {KMAP_PRICE_NS} ns each would add "
            f"{price_ms:.2f} ms"
        )
    notes += [f"{skipped.strategy} left out: {skipped.reason}" for skipped in run.skipped]
    return notes


def _modes(result: Result) -> str:
    order = "" if result.order is None else f" at order {result.order}"
    modes = " and ".join(f"{gbps:.2f}" for gbps in result.modes_gbps)
    return f"* {result.strategy} {result.primitive}{order} ran at {modes} GB/s: two modes, and the median is neither"


def headline(run: SceneRun) -> RenderableType:
    """Return the two factors of the speed-up and their product, beside the published one."""
    if len({result.order for result in run.results}) != 1:
        return Text("")
    found = {(result.strategy, result.primitive): result for result in run.results if result.ratio}
    cells = {name: result.ratio for name, result in found.items() if result.ratio and name[0] in _SHAPES}
    # The baseline's own first.
    primitives = sorted({primitive for _, primitive in cells}, key=lambda one: one != _first_primitive(run))
    if len(primitives) < 2 or {strategy for strategy, _ in cells} != set(_SHAPES):  # noqa: PLR2004
        return Text("")
    table = _grid()
    table.add_column("shape")
    for primitive in primitives:
        table.add_column(primitive, justify="right")
    for shape in _SHAPES:
        table.add_row(shape, *(f"{cells[shape, primitive].ratio:.2f}x" for primitive in primitives))
    both = cells[_SHAPES[-1], primitives[-1]].ratio
    lines = (
        f"{both:.2f}x here; the kernel's patch, batching alone on an AMD server: {PUBLISHED_RATIO}x as published.\n"
        "Cold blocks, left alone after the clear: with --touch or --hot the answer is another."
    )
    return Group(table, Text(lines))


_SHAPES = ("per_page", "batched")


def _first_primitive(run: SceneRun) -> str:
    return next((result.baseline[1] for result in run.results if result.baseline), "")


def plugins(registry: Registry) -> RenderableType:
    """Return the table of what is installed, its hooks and its status."""
    table = _grid()
    for column in ("plugin", "version", "status", "hooks", "strategies", "origin"):
        table.add_column(column)
    styles = {"active": None, "blocked": "dim", "failed": "red"}
    for info in registry.plugins:
        status = f"{info.status}: {info.reason}" if info.reason else info.status
        hooks = ", ".join(hook.removeprefix("clearfw_") for hook in info.hooks)
        strategies = ", ".join(info.strategies)
        table.add_row(info.name, info.version, status, hooks, strategies, info.origin, style=styles[info.status])
    return table
