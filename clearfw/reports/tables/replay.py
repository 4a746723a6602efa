"""Replays as tables. All functions are pure functions of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.bench import prediction
from clearfw.bench.run import problems
from clearfw.host import cpu_model
from clearfw.reports.tables.bench import (
    heading,
    named_table,
    notes,
    primitive_text,
    ranked,
    ratio_texts,
    strategy_text,
)
from clearfw.reports.tables.grid import grid, ns_text, numbers, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.bench.dry_run import DryRun
    from clearfw.bench.prediction import Prediction, Recorded
    from clearfw.bench.run import Result, SceneRun
    from clearfw.traces.census import Census
    from clearfw.traces.file import Trace

# Counts of the census that need a comment.
_ODDITIES = {
    "failed": "allocations failed during the recording",
    "unmatched": "frees of pages allocated earlier, or without an event (bulk, contiguous, memblock)",
    "untraced": "of these frees are of pages that were free before: allocated again without an event",
    "mismatched": "frees with another order than the allocation: split blocks",
    "reallocated": "allocations of live pages, whose frees were lost or had no event",
    "batched": "mm_page_free_batched, duplicates left out",
    "oversized": "events above order 10, left out",
    "misaligned": "events whose pfn is not aligned to their order, left out",
    "backwards": "events earlier than the one before",
}


def trace_text(trace: Trace, census: Census, dry: DryRun) -> RenderableType:
    """Return what was replayed, and which events a machine cannot replay."""
    origin = trace.origin
    kernel = f"Linux {origin.kernel}" if origin.kernel else "an unnamed kernel"
    what = " ".join(origin.command) if origin.command else "the whole system"
    lines = [
        f"{trace.path}: {census.events:,} events of {kernel}: {what}",
        f"{census.allocs:,} allocations and {census.frees:,} frees, {census.peak_pages:,} pages live at most",
        f"replayed without clears: {dry.events_per_s / 1e6:.0f} M events/s",
    ]
    for name, meaning in _ODDITIES.items():
        if count := getattr(census, name):
            lines.append(f"{count:,} {meaning}")
    if dry.nomem:
        lines.append(f"{dry.nomem:,} allocations found no free block and were left out: use more --memory")
    return Group(*(Text(plain(line), style="dim" if number else "") for number, line in enumerate(lines)), "")


def scene(run: SceneRun) -> RenderableType:
    """Return the tables of a replay's results, with notes for the reader."""
    parts: list[RenderableType] = [Text(heading(run), style="bold"), *_amounts(run), _clears(run)]
    timed = sorted(
        (result for result in run.results if result.latency_by_order),
        key=lambda result: (result.strategy, result.primitive),
    )
    if timed:
        parts += [
            Text("Milliseconds by order, from a run that reads the clock around each operation:"),
            _by_order(timed),
        ]
    parts += [Text(note, style="dim") for note in notes(run)]
    parts += [Text(problem, style="bold red") for problem in problems([run])]
    return Group(*parts, "")


def _amounts(run: SceneRun) -> Iterator[Text]:
    """Yield how many pages a replay clears; usually this is the same for all strategies."""
    asked: dict[str, list[str]] = {}
    for result in run.results:
        if counters := result.counters:
            npages = counters.pages + counters.integrated_pages
            text = f"{counters.inits:,} inits, {npages:,} pages, {result.bytes / 2**20:,.1f} MiB a replay"
            asked.setdefault(text, []).append(f"{result.strategy} {result.primitive}")
    for text, names in asked.items():
        yield Text(text if len(asked) == 1 else f"{', '.join(names)}: {text}")


def _clears(run: SceneRun) -> Table:
    table = named_table(run)
    numbers(table, "clears", "ratio", "95 %", "p50", "p99", "max")
    for result in ranked(run, None):
        table.add_row(strategy_text(result), primitive_text(result), *_times(result), *_latency(result))
    return table


def _times(result: Result) -> list[str]:
    if result.dirty_offset is not None:
        return ["dirty", "", ""]
    return [f"{result.seconds.median * 1e3:.1f} ms", *ratio_texts(result)]


def _latency(result: Result) -> list[str]:
    latency = result.latency
    return [ns_text(ns) for ns in (latency.p50_ns, latency.p99_ns, latency.max_ns)] if latency else [""] * 3


def _by_order(results: Sequence[Result]) -> Table:
    table = grid()
    numbers(table, "order", "blocks", *(f"{result.strategy}\n{result.primitive}" for result in results))
    for order, latency in results[0].latency_by_order.items():
        times = (result.latency_by_order[order].total_ns / 1e6 for result in results)
        table.add_row(str(order), f"{latency.count:,}", *(f"{ms:.2f}" for ms in times))
    return table


def predicted(trace: Trace, recorded: Recorded, predictions: Sequence[Prediction]) -> RenderableType:
    """Return the table of predicted system times, labelled as a prediction."""
    table = grid()
    table.add_column("strategy", overflow="fold")
    table.add_column("primitive", overflow="fold")
    numbers(table, "recorded", "predicted", "95 %", "change", "over per_page")
    for one in predictions:
        low, high = one.ci95
        table.add_row(
            one.strategy,
            one.primitive,
            f"{recorded.system_s:.3f} s",
            f"{one.predicted_s:.3f} s",
            f"{low:.3f}-{high:.3f}",
            f"{one.change:+.1%}",
            f"{one.change_over_baseline:+.1%}",
        )
    heading_ = Text("Predicted system time, not a measurement:", style="bold")
    return Group(heading_, table, *(Text(note, style="dim") for note in _about(trace, recorded)), "")


def _about(trace: Trace, recorded: Recorded) -> Iterator[str]:
    yield f"{prediction.FORMULA}."
    own = f"{recorded.clears_s:.3f} s of {recorded.system_s:.3f} s"
    yield f"The recording kernel's own clears, replayed page by page with the kernel's instruction: {own}."
    yield "The recorded time includes some percent for the tracing itself."
    if trace.origin.cpu_model not in (None, cpu_model()):
        yield f"The trace was recorded on {trace.origin.cpu_model}, where clears took a different time."
