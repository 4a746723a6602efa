"""Benches as tables. All functions are pure functions of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.bench.run import problems
from clearfw.reports.tables.grid import grid, ns_text, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.bench.run import Result, SceneRun
    from clearfw.bench.statistics import Ratio

# Linux b001cf7d16dd (7.2): 8192 huge pages of 2 MiB, init_on_alloc=1, 0.445 s to 0.166 s, on an AMD server.
PUBLISHED_RATIO = 2.68
# What one kmap_local_page() and its kunmap_local() cost a kernel: an assumption, not measured here.
KMAP_PRICE_NS = 25
# With fewer rounds the interval of a median is not reliable.
ENOUGH_ROUNDS = 6

SHAPES = ("per_page", "batched")


def scene(run: SceneRun) -> RenderableType:
    """Return the tables of one machine's results, with notes for the reader."""
    parts: list[RenderableType] = [Text(heading(run), style="bold")]
    if run.results:
        parts += [*_summary(run), _throughput(run)]
    if any(result.latency for result in run.results):
        parts += [Text("Latency of single allocations, from a separate run:"), _latency(run)]
    parts += [Text(note, style="dim") for note in notes(run)]
    parts += [Text(problem, style="bold red") for problem in problems([run])]
    return Group(*parts, "")


def _summary(run: SceneRun) -> Iterator[RenderableType]:
    """Yield the ratio at each order of each strategy and primitive, where there are several orders."""
    orders = [order for order in _orders(run) if order is not None]
    compared = [result for result in run.results if result.ratio and not (result.peer or result.interpreted)]
    if len(orders) < 2 or not compared:  # noqa: PLR2004  one order is a column of the other table
        return
    ratios = {(one.strategy, one.primitive, one.order): ratio_texts(one)[0] for one in compared}
    rows = list(dict.fromkeys((strategy, primitive) for strategy, primitive, _ in ratios))
    table = grid()
    numbers(table, "order", *("\n".join(row) for row in rows))
    for order in orders:
        table.add_row(str(order), *(ratios.get((*row, order), "") for row in rows))
    yield Text("Summary: the ratio at each order. All figures are below.")
    yield table
    yield Text("")


def heading(run: SceneRun) -> str:
    """Return one line about the machine and the rounds."""
    huge = "unknown" if run.huge_bytes is None else f"{run.huge_bytes >> 20} MiB"
    rounds = f"{run.rounds} round{'s' * (run.rounds != 1)}"
    workload = f"{run.workload} {run.label}".strip()
    orders = [f"order {order}" for order in _orders(run) if order is not None]
    what = ", ".join((workload, *(orders if len(orders) == 1 else ()), *run.how))
    return f"{what}: {run.config}, backing {run.backing} ({huge} in huge pages), {rounds}"


def named_table(run: SceneRun) -> Table:
    """Return a table with the columns that name a row."""
    table = grid()
    if len(_orders(run)) > 1:
        numbers(table, "order")
    # In a narrow table a stack breaks between two names, never within a name.
    words = (word for result in run.results for word in strategy_text(result).split())
    table.add_column("strategy", overflow="fold", min_width=max(map(len, words), default=0))
    table.add_column("primitive", overflow="fold")
    return table


def _orders(run: SceneRun) -> list[int | None]:
    return list(dict.fromkeys(result.order for result in run.results))


def _named(run: SceneRun, order: int | None, strategy: str, primitive: str) -> list[str]:
    several = len(_orders(run)) > 1
    return [*(["all" if order is None else str(order)] * several), strategy, primitive]


def _throughput(run: SceneRun) -> Table:
    table = named_table(run)
    numbers(table, "GB/s", "ratio", "95 %", "roof")
    numbers(table, "kmaps", "walks")
    for order in _orders(run):
        for result in ranked(run, order):
            named = _named(run, order, strategy_text(result), primitive_text(result))
            style = "dim" if result.peer or result.interpreted else None
            table.add_row(*named, *_speeds(result), *_counts(result), style=style)
        roofline = next((one for one in run.rooflines if one.order in (order, None)), None)
        if roofline:
            named = _named(run, order, "(roofline)", roofline.primitive)
            table.add_row(*named, f"{roofline.gbps:.2f}", style="dim")
        table.add_section()
    return table


def _counts(result: Result) -> list[str]:
    counters = result.counters
    return [f"{counters.kmaps:,}", f"{counters.page_walks:,}"] if counters else ["", ""]


def ranked(run: SceneRun, order: int | None) -> list[Result]:
    """Return the results of ORDER by ratio; peers, interpreted and dirty results come last."""

    def rank(result: Result) -> tuple[bool, float]:
        unranked = result.interpreted or result.peer or result.dirty_offset is not None
        return unranked, result.ratio.ratio if result.ratio else result.gbps

    return sorted((result for result in run.results if result.order == order), key=rank)


def strategy_text(result: Result) -> str:
    """Return the name of the strategy, as a table shows it."""
    # Spaces let a stack break between two names in a narrow table.
    name = result.strategy if result.peer else result.strategy.replace("+", " + ")
    return f"{name} (interpreted)" if result.interpreted else name


def primitive_text(result: Result) -> str:
    """Return the name of the primitive; for "best", also the primitive that it was."""
    return (
        result.primitive if result.resolved == result.primitive else f"{result.primitive}: {result.resolved}"
    )


def _speeds(result: Result) -> list[str]:
    if result.dirty_offset is not None:
        return ["dirty", "", "", ""]
    several = "*" if len(result.modes_gbps) > 1 else ""
    return [f"{result.gbps:.2f}{several}", *ratio_texts(result), f"{result.of_roofline:.0%}"]


def ratio_texts(result: Result) -> list[str]:
    """Return the ratio and its interval as texts, empty without a ratio."""
    if result.ratio is None:
        return ["", ""]
    # The ratio of the baseline to itself has no meaningful interval.
    itself = result.baseline == (result.strategy, result.primitive)
    low, high = result.ratio.ci95
    return [f"{result.ratio.ratio:.2f}", "" if itself else f"{low:.2f}-{high:.2f}"]


def _latency(run: SceneRun) -> Table:
    table = named_table(run)
    numbers(table, "p50", "p99", "max")
    for order in _orders(run):
        for result in ranked(run, order):
            if latency := result.latency:
                named = _named(run, order, strategy_text(result), primitive_text(result))
                table.add_row(*named, *map(ns_text, (latency.p50_ns, latency.p99_ns, latency.max_ns)))
        table.add_section()
    return table


def notes(run: SceneRun) -> Iterator[str]:
    """Yield notes for the reader of the tables."""
    baseline = next((result.baseline for result in run.results if result.baseline), None)
    if baseline:
        yield "ratio: over {} with {}, the median of rounds; 95 %: its interval.".format(*baseline)
    yield from _about_rounds(run)
    yield from _about_modes(run)
    yield from _about_counts(run)
    if any(result.interpreted for result in run.results):
        yield "(interpreted): written in Python, for a prototype; not ranked."
    yield from _about_claims(run)
    for skipped in run.skipped:
        if not skipped.broken:
            yield f"{skipped.strategy} left out: {skipped.reason}"


def _about_claims(run: SceneRun) -> Iterator[str]:
    orders = _orders(run)
    for name in dict.fromkeys(result.strategy for result in run.results if not result.peer):
        rows = [result for result in run.results if result.strategy == name]
        shares = {one.order: one.claims for one in rows if one.claims is not None and one.claims < 1}
        for order, claimed in shares.items():
            at = "" if order is None else f" at order {order}"
            yield f"{name} claims {claimed:.0%} of the pages{at}: the last of its stack clears the others"
        without = [
            order for order in orders if order is not None and order not in {one.order for one in rows}
        ]
        if without:
            yield f"{name} claims nothing at order {_ranges(without)}: it has no row there"


def _ranges(orders: list[int]) -> str:
    """Return sorted ORDERS as a text such as "0 to 8, 10"."""
    runs: list[list[int]] = []
    for order in orders:
        if runs and runs[-1][-1] + 1 == order:
            runs[-1].append(order)
        else:
            runs.append([order])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _about_rounds(run: SceneRun) -> Iterator[str]:
    if run.interrupted:
        yield f"interrupted after {run.rounds} complete rounds: the table shows only these"
    thrown = max((result.rounds_thrown_out for result in run.results), default=0)
    if thrown:
        yield f"dropped rounds, with the roofline below 0.8 of its median: {thrown}"
    if run.rounds - thrown < ENOUGH_ROUNDS:
        yield "too few rounds for a reliable interval: use --rounds 15 or more"


def _about_modes(run: SceneRun) -> Iterator[str]:
    for result in run.results:
        if len(result.modes_gbps) > 1 and result.dirty_offset is None:
            order = "" if result.order is None else f" at order {result.order}"
            modes = " and ".join(f"{gbps:.2f}" for gbps in result.modes_gbps)
            name = f"{result.strategy} {result.primitive}{order}"
            yield f"* {name} ran at {modes} GB/s: two modes, and the median describes neither"


def _about_counts(run: SceneRun) -> Iterator[str]:
    counted = [result.counters for result in run.results if result.counters]
    kmaps = max((counters.kmaps for counters in counted), default=0)
    if kmaps:
        price_ms = kmaps * KMAP_PRICE_NS / 1e6
        yield (
            f"kmaps are counted, not timed: {kmaps:,} a sample, at an assumed {KMAP_PRICE_NS} ns each, "
            f"would add {price_ms:.2f} ms"
        )
    if any(counters.integrated_pages and not counters.inits for counters in counted):
        yield "no strategy was called: hw_tags clears pages while it sets tags (kasan_unpoison_pages)"
    if any(word.endswith("threads") for word in run.how):
        yield "the roofline was measured with one thread"


def headline(run: SceneRun) -> RenderableType | None:
    """Return the table of both factors of the speed-up and the published figure, or None without them."""
    cells = {
        (result.strategy, result.primitive): result.ratio
        for result in run.results
        if result.ratio and result.strategy in SHAPES
    }
    names = {
        result.primitive: primitive_text(result) for result in run.results if result.strategy == SHAPES[-1]
    }
    first = next((result.baseline[1] for result in run.results if result.baseline), "")
    # The primitive of the baseline comes first.
    primitives = sorted(names, key=lambda primitive: primitive != first)
    wanted = {(shape, primitive) for shape in SHAPES for primitive in primitives}
    if len(_orders(run)) != 1 or len(primitives) < 2 or wanted != set(cells):  # noqa: PLR2004
        return None
    both = cells[SHAPES[-1], primitives[-1]].ratio
    return Group(_factors(cells, {name: names[name] for name in primitives}), Text(_beside(both, run.how)))


def _factors(cells: dict[tuple[str, str], Ratio], primitives: dict[str, str]) -> Table:
    table = grid()
    table.add_column("shape")
    numbers(table, *primitives.values())
    for shape in SHAPES:
        table.add_row(shape, *(f"{cells[shape, primitive].ratio:.2f}x" for primitive in primitives))
    return table


def _beside(both: float, how: tuple[str, ...]) -> str:
    if how:
        return f"{both:.2f}x here, measured with {', '.join(how)}: do not compare with the published figure."
    return (
        f"{both:.2f}x here, batched and with the best primitive.\n"
        f"{PUBLISHED_RATIO}x was published for the kernel's patch: batching alone, on an AMD server.\n"
        "Measured on cold blocks that nobody reads afterwards: try --touch and --hot."
    )
