"""Sections of the report for benches and replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw.reports import plots
from clearfw.reports.html import blocks
from clearfw.reports.html.blocks import Cell, Heading, Lead, Note, Table, number, words
from clearfw.reports.plots import Chart
from clearfw.reports.tables.bench import ENOUGH_ROUNDS, KMAP_PRICE_NS, SHAPES
from clearfw.reports.tables.grid import ns_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from clearfw.reports.html.blocks import Block
    from clearfw.results.bench import SavedBench, SavedRow, SavedScene
    from clearfw.results.replay import SavedPrediction, SavedPredictions, SavedReplay

_COLD = "Measured on cold blocks that nobody reads afterwards: try --touch and --hot."
_WARM = "The workload reuses memory, so it is warm."
_COLD_WORKLOADS = frozenset({"hugetlb", "orders", "vmalloc"})


def bench(found: SavedBench, anchor: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw bench` measured."""
    scenes = enumerate(found.scenes)
    shown = (block for place, scene in scenes for block in _scene(found, scene, f"{anchor}-{place}"))
    return f"Bench: {found.config.workload}", (_where(found), *shown)


def replay(found: SavedReplay, anchor: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw replay` measured."""
    return f"Replay: {found.trace.path}", _replayed(found, anchor)


def _replayed(found: SavedReplay, anchor: str) -> Iterator[Block]:
    if not found.trace.exact:
        yield Note("The trace is not exact: events were lost, or may have been.", bad=True)
    yield from _predictions(found.prediction)
    yield from bench(found, anchor)[1]
    by_order = [
        attrs.evolve(row, order=one.order, latency=one)
        for row in found.results
        for one in row.latency_by_order
    ]
    yield from _latency(by_order, f"{anchor}-orders")


def _predictions(found: SavedPredictions) -> Iterator[Block]:
    if found.none_because:
        yield Note(f"No prediction: {found.none_because}.")
    if found.recorded and found.results:
        yield _prediction_table(found.results)
        said = f"Recorded: {found.recorded.system_s:.3f} s of system time"
        yield Note(
            f"{said}, including {found.recorded.clears_s:.3f} s of clears. A prediction: {found.formula}."
        )


def _prediction_table(predictions: Iterable[SavedPrediction]) -> Table:
    numbers = ("clears s", "predicted s", "95 %", "change")
    rows = (
        (
            words(one.strategy),
            words(one.primitive),
            number(one.clears_s, f"{one.clears_s:.3f}"),
            number(one.predicted_s, f"{one.predicted_s:.3f}"),
            number(one.ci95[0], "{:.3f}\N{EN DASH}{:.3f}".format(*one.ci95)),
            number(one.change, f"{one.change:+.1%}"),
        )
        for one in predictions
    )
    return Table(
        caption="System time of the recorded workload, predicted with each strategy",
        columns=("strategy", "primitive", *numbers),
        numbers=frozenset(numbers),
        rows=tuple(rows),
    )


def _where(found: SavedBench) -> Note:
    """Return what must be known of every figure: the processor and the kernel it ran under."""
    about = found.environment
    said = [about.get("cpu") or "a processor that is not named", f"Linux {about.get('kernel', 'not named')}"]
    return Note(f"Measured on {', '.join(said)}, with clearfw {about.get('clearfw', '')}.")


def _scene(found: SavedBench, scene: SavedScene, prefix: str) -> Iterator[Block]:
    rows = found.rows(scene)
    sound = found.sound(scene)
    if len(found.scenes) > 1:
        yield Heading(scene.scene)
    yield from _failures(scene, rows)
    yield from _lead(sound)
    yield from _factors(sound)
    yield from _matrix(found.ranked(scene))
    yield from _how(found, scene)
    yield from _throughput(Chart("", scene.rooflines, found.ranked(scene)), prefix)
    if rows:
        yield _throughput_table(rows)
    yield from _latency([row for row in sound if row.latency], prefix)
    yield from _notes(scene, rows)


def _failures(scene: SavedScene, rows: Sequence[SavedRow]) -> Iterator[Note]:
    for row in rows:
        if row.dirty_offset is not None:
            where = f"first at byte {row.dirty_offset} of a sample"
            yield Note(
                f"{row.strategy} ({row.primitive}) left memory dirty, {where}: it has no figure.", bad=True
            )
    for skipped in scene.skipped:
        if skipped.broken:
            yield Note(skipped.reason, bad=True)


def _lead(rows: Sequence[SavedRow]) -> Iterator[Lead]:
    ranked = [row for row in rows if row.baseline and not (row.peer or row.interpreted or row.is_baseline)]
    if len({row.order for row in rows}) != 1 or not ranked:
        return
    best = max(ranked, key=lambda row: row.baseline.ratio if row.baseline else 0)
    if best.baseline:
        low, high = best.baseline.ci95
        over = f"{best.baseline.strategy} with {best.baseline.primitive}"
        what = f"times as fast as {over}: {best.strategy} with {best.instructions}"
        yield Lead(
            f"{best.baseline.ratio:.2f}", f"{what}, {best.gbps:.1f} GB/s (95 % {low:.2f} to {high:.2f})"
        )


def _factors(rows: Sequence[SavedRow]) -> Iterator[Table]:
    """Yield shape by primitive, the two factors of a speed-up, where there are both."""
    ratios = {
        (row.strategy, row.primitive): row.baseline.ratio
        for row in rows
        if row.baseline and row.strategy in SHAPES
    }
    names = list(dict.fromkeys(row.primitive for row in rows if row.strategy in SHAPES))
    if len({row.order for row in rows}) == 1 and len(ratios) == len(SHAPES) * len(names) > len(SHAPES):
        yield Table(
            caption="Two factors: what the shape gains, and what the primitive gains",
            columns=("shape", *names),
            numbers=frozenset(names),
            rows=tuple(
                (words(shape), *(_times_text(ratios[shape, name]) for name in names)) for shape in SHAPES
            ),
        )


def _times_text(ratio: float) -> Cell:
    return number(ratio, f"{ratio:.2f}x")


def _matrix(rows: Sequence[SavedRow]) -> Iterator[Table]:
    """Yield the ratio at each order of each strategy and primitive, where there are several orders."""
    orders = sorted({row.order for row in rows if row.order is not None})
    if len(orders) < 2:  # noqa: PLR2004  one order is a column of the other table
        return
    cells = {(row.strategy, row.primitive, row.order): row for row in rows}
    columns = list(dict.fromkeys((strategy, primitive) for strategy, primitive, _ in cells))
    names = tuple(" ".join(column) for column in columns)
    yield Table(
        caption="Summary: the ratio at each order",
        columns=("order", *names),
        numbers=frozenset(("order", *names)),
        rows=tuple(
            (number(order, str(order)), *(_ratio_cell(cells.get((*column, order))) for column in columns))
            for order in orders
        ),
    )


def _ratio_cell(row: SavedRow | None) -> Cell:
    if row is None or row.baseline is None:
        return number(0, "")
    ratio = row.baseline.ratio
    low, high = row.baseline.ci95
    style = "good" if low > 1 else "fail" if high < 1 else "dim"
    return number(ratio, f"{ratio:.2f}", style)


def _how(found: SavedBench, scene: SavedScene) -> Iterator[Note]:
    config = found.config
    touched = [f"--touch {config.touch}"] * (config.touch != "none")
    how = [*touched, *["--hot"] * config.hot, *[f"{config.threads} threads"] * (config.threads > 1)]
    memory = _COLD if config.workload in _COLD_WORKLOADS else _WARM
    measured = f"Measured with {', '.join(how)}." if how else memory
    yield Note(f"{scene.machine}, backing {scene.backing}, {scene.rounds} rounds. {measured}")


def _throughput(chart: Chart, prefix: str) -> Iterator[Block]:
    if chart.rows:
        caption = "Dashed line: the roofline, the best primitive without an allocator."
        drawn = plots.throughput([chart])
        yield blocks.drawing(
            drawn, f"{prefix}-t", caption if chart.rooflines else "Strategies were measured in turns."
        )


def _throughput_table(rows: Sequence[SavedRow]) -> Table:
    numbers = ("GB/s", "ratio", "95 %", "of roofline", "kmaps", "page walks")
    return _by_row(
        "ratio: time of the baseline divided by that of the row, median of the rounds; above 1 is faster",
        numbers,
        {row: _measured(row) for row in sorted(rows, key=_rank)},
    )


def _by_row(caption: str, numbers: Sequence[str], cells: Mapping[SavedRow, Sequence[Cell]]) -> Table:
    """Return a table: columns that name a row, then NUMBERS. The order has a column if it varies."""
    several = len({row.order for row in cells}) > 1
    return Table(
        caption=caption,
        columns=(*["order"] * several, "strategy", "primitive", *numbers),
        numbers=frozenset(("order", *numbers)),
        rows=tuple((*[_order(row)] * several, *_named(row), *shown) for row, shown in cells.items()),
    )


def _rank(row: SavedRow) -> tuple[int, float]:
    return -1 if row.order is None else row.order, -row.gbps


def _order(row: SavedRow) -> Cell:
    return number(-1, "all") if row.order is None else number(row.order, str(row.order))


def _named(row: SavedRow) -> tuple[Cell, Cell]:
    aside = "dim" if row.peer or row.interpreted else ""
    name = f"{row.strategy} (interpreted)" if row.interpreted else row.strategy
    return words(name, aside), words(row.instructions, aside)


def _measured(row: SavedRow) -> tuple[Cell, ...]:
    if row.dirty_offset is not None:
        return (number(0, "dirty", "fail"), *[number(0, "")] * 5)
    several = "*" if len(row.modes_gbps) > 1 else ""
    speed = number(row.gbps, f"{row.gbps:.2f}{several}")
    return (speed, *_ratio(row), number(row.of_roofline, f"{row.of_roofline:.0%}"), *_counts(row))


def _ratio(row: SavedRow) -> tuple[Cell, Cell]:
    if row.baseline is None:
        return number(0, ""), number(0, "")
    low, high = row.baseline.ci95
    # The ratio of the baseline to itself has no meaningful interval.
    interval = "" if row.is_baseline else f"{low:.2f}\N{EN DASH}{high:.2f}"
    return number(row.baseline.ratio, f"{row.baseline.ratio:.2f}"), number(low, interval)


def _counts(row: SavedRow) -> Iterator[Cell]:
    for name in ("kmaps", "page_walks"):
        count = (row.counters or {}).get(name)
        yield number(-1, "") if count is None else number(count, f"{count:,}")


def _latency(rows: Sequence[SavedRow], prefix: str) -> Iterator[Block]:
    if any(row.order is not None for row in rows):
        caption = "Marker: the median of single allocations; line: up to p99; stroke: the longest."
        yield blocks.drawing(plots.latencies(rows), f"{prefix}-l", caption)
    if rows:
        times = {row: tuple(_times(row)) for row in sorted(rows, key=_rank)}
        yield _by_row("Latency of single allocations, from a separate run", ("p50", "p99", "max"), times)


def _times(row: SavedRow) -> Iterator[Cell]:
    if row.latency:
        for ns in (row.latency.p50_ns, row.latency.p99_ns, row.latency.max_ns):
            yield number(ns, ns_text(ns))


def _notes(scene: SavedScene, rows: Sequence[SavedRow]) -> Iterator[Note]:
    if scene.interrupted:
        yield Note(f"Interrupted after {scene.rounds} complete rounds: the table shows only these.")
    thrown = max((row.rounds_thrown_out for row in rows), default=0)
    if thrown:
        yield Note(f"Dropped rounds, with the roofline below 0.8 of its median: {thrown}.")
    if scene.rounds - thrown < ENOUGH_ROUNDS:
        yield Note("Too few rounds for a reliable interval: use --rounds 15 or more.")
    if any((row.counters or {}).get("kmaps") for row in rows):
        yield Note(f"kmaps are counted, not timed. We assume that one costs a kernel {KMAP_PRICE_NS} ns.")
    for row in rows:
        if len(row.modes_gbps) > 1 and row.dirty_offset is None:
            modes = " and ".join(f"{gbps:.2f}" for gbps in row.modes_gbps)
            yield Note(f"* {row.strategy} {row.primitive} ran at {modes} GB/s: the median describes neither.")
    if any(row.interpreted for row in rows):
        yield Note("(interpreted): written in Python, for a prototype; not ranked.")
    for skipped in scene.skipped:
        if not skipped.broken:
            yield Note(f"{skipped.strategy} left out: {skipped.reason}.")
