"""Sections of the page: a renderer for each schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clearfw import documents, pictures
from clearfw.page import blocks
from clearfw.page.blocks import Cell, Facts, Heading, Lead, Note, Section, Table, number, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from clearfw.documents import Bench, Checks, Document, Row, Scene
    from clearfw.page.blocks import Block

    Renderer = Callable[[Any, str], tuple[str, Iterable[Block]]]

_STATUS_STYLES = {"pass": "good", "FAIL": "fail"}
_COLD = "Cold blocks, left alone once cleared: --touch and --hot have other answers."


def section(document: Document, anchor: str) -> Section:
    """Return what the page shows of a document; ids in it begin with ANCHOR."""
    title, content = _RENDERERS[type(document.content)](document.content, anchor)
    shown = (*content, *_facts(document.raw))
    return Section(anchor=anchor, title=title, source=document.name, blocks=shown)


def _bench(bench: Bench, anchor: str) -> tuple[str, Iterable[Block]]:
    scenes = enumerate(bench.scenes)
    shown = (block for place, scene in scenes for block in _scene(bench, scene, f"{anchor}-{place}"))
    return f"Bench: {bench.config.workload}", shown


def _scene(bench: Bench, scene: Scene, prefix: str) -> Iterator[Block]:
    rows = bench.rows(scene)
    sound = bench.sound(scene)
    if len(bench.scenes) > 1:
        yield Heading(scene.scene)
    yield from _found_wanting(scene, rows)
    yield from _lead(sound)
    yield from _how(bench, scene)
    yield from _throughput_pictures(scene, sound, prefix)
    if rows:
        yield _throughput_table(rows)
    yield from _latency([row for row in sound if row.latency], prefix)
    yield from _notes(scene, rows)


def _found_wanting(scene: Scene, rows: Sequence[Row]) -> Iterator[Note]:
    for row in rows:
        if row.dirty_offset is not None:
            where = f"first at byte {row.dirty_offset} of a sample"
            yield Note(
                f"{row.strategy} ({row.primitive}) left memory dirty, {where}: it has no figure.", bad=True
            )
    for skipped in scene.skipped:
        if skipped.broken:
            yield Note(skipped.reason, bad=True)


def _lead(rows: Sequence[Row]) -> Iterator[Lead]:
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


def _how(bench: Bench, scene: Scene) -> Iterator[Note]:
    config = bench.config
    touched = [f"--touch {config.touch}"] * (config.touch != "none")
    how = [*touched, *["--hot"] * config.hot, *[f"{config.threads} threads"] * (config.threads > 1)]
    measured = f"Measured with {', '.join(how)}." if how else _COLD
    yield Note(f"{scene.machine}, backing {scene.backing}, {scene.rounds} rounds. {measured}")


def _throughput_pictures(scene: Scene, rows: Sequence[Row], prefix: str) -> Iterator[Block]:
    if rows:
        drawn = pictures.throughput([(scene, rows)])
        caption = "The dashed line is the roofline: the best primitive, with no allocator in the way."
        yield blocks.drawing(drawn, f"{prefix}-t", caption)


def _throughput_table(rows: Sequence[Row]) -> Table:
    numbers = ("GB/s", "ratio", "95 %", "of roofline", "kmaps", "page walks")
    return _by_row(
        "ratio: time of the baseline over this one's, the median of rounds; above 1 is faster",
        numbers,
        {row: _measured(row) for row in sorted(rows, key=_rank)},
    )


def _by_row(caption: str, numbers: Sequence[str], cells: Mapping[Row, Sequence[Cell]]) -> Table:
    """Return a table with the columns that name a row before NUMBERS; the order only where it differs."""
    several = len({row.order for row in cells}) > 1
    return Table(
        caption=caption,
        columns=(*["order"] * several, "strategy", "primitive", *numbers),
        numbers=frozenset(("order", *numbers)),
        rows=tuple((*[_order(row)] * several, *_named(row), *shown) for row, shown in cells.items()),
    )


def _rank(row: Row) -> tuple[int, float]:
    return -1 if row.order is None else row.order, -row.gbps


def _order(row: Row) -> Cell:
    return number(-1, "all") if row.order is None else number(row.order, str(row.order))


def _named(row: Row) -> tuple[Cell, Cell]:
    aside = "dim" if row.peer or row.interpreted else ""
    name = f"{row.strategy} (interpreted)" if row.interpreted else row.strategy
    return words(name, aside), words(row.instructions, aside)


def _measured(row: Row) -> tuple[Cell, ...]:
    if row.dirty_offset is not None:
        return (number(0, "dirty", "fail"), *[number(0, "")] * 5)
    several = "*" if len(row.modes_gbps) > 1 else ""
    speed = number(row.gbps, f"{row.gbps:.2f}{several}")
    return (speed, *_ratio(row), number(row.of_roofline, f"{row.of_roofline:.0%}"), *_counts(row))


def _ratio(row: Row) -> tuple[Cell, Cell]:
    if row.baseline is None:
        return number(0, ""), number(0, "")
    low, high = row.baseline.ci95
    # The interval of the baseline over itself would say nothing.
    interval = "" if row.is_baseline else f"{low:.2f}\N{EN DASH}{high:.2f}"
    return number(row.baseline.ratio, f"{row.baseline.ratio:.2f}"), number(low, interval)


def _counts(row: Row) -> Iterator[Cell]:
    for name in ("kmaps", "page_walks"):
        count = (row.counters or {}).get(name)
        yield number(-1, "") if count is None else number(count, f"{count:,}")


def _latency(rows: Sequence[Row], prefix: str) -> Iterator[Block]:
    if any(row.order is not None for row in rows):
        caption = "Marker: the median of single allocations; line: up to p99; stroke: the longest."
        yield blocks.drawing(pictures.latencies(rows), f"{prefix}-l", caption)
    if rows:
        times = {row: tuple(_times(row)) for row in sorted(rows, key=_rank)}
        yield _by_row("Latency of single allocations, in a run of its own", ("p50", "p99", "max"), times)


def _times(row: Row) -> Iterator[Cell]:
    if row.latency:
        for ns in (row.latency.p50_ns, row.latency.p99_ns, row.latency.max_ns):
            yield number(ns, pictures.ns_text(ns))


def _notes(scene: Scene, rows: Sequence[Row]) -> Iterator[Note]:
    if scene.interrupted:
        yield Note(f"Interrupted after {scene.rounds} whole rounds: what stands here is of those.")
    thrown = max((row.rounds_thrown_out for row in rows), default=0)
    if thrown:
        yield Note(f"Rounds thrown out, their roofline below 0.8 of its median: {thrown}.")
    for row in rows:
        if len(row.modes_gbps) > 1 and row.dirty_offset is None:
            modes = " and ".join(f"{gbps:.2f}" for gbps in row.modes_gbps)
            yield Note(f"* {row.strategy} {row.primitive} ran at {modes} GB/s: the median tells of neither.")
    if any(row.interpreted for row in rows):
        yield Note("(interpreted): written in Python, for a prototype; not ranked.")
    for skipped in scene.skipped:
        if not skipped.broken:
            yield Note(f"{skipped.strategy} left out: {skipped.reason}.")


def _checks(checks: Checks, anchor: str) -> tuple[str, Iterable[Block]]:  # noqa: ARG001  no pictures, no ids
    failed = [verdict.strategy for verdict in checks.results if not verdict.passed]
    shown: list[Block] = [_matrix(checks)]
    if failed:
        shown = [Note(f"Found wanting: {', '.join(failed)}.", bad=True), *shown, _failures(checks)]
    return f"Check: {len(checks.results)} strategies, {len(failed)} found wanting", shown


def _matrix(checks: Checks) -> Table:
    names = dict.fromkeys(check.name for verdict in checks.results for check in verdict.checks)
    by_name = [{check.name: check for check in verdict.checks} for verdict in checks.results]
    rows = (
        (words(name), *(_status(found[name].status) if name in found else words("") for found in by_name))
        for name in names
    )
    strategies = _distinct(verdict.strategy for verdict in checks.results)
    return Table(caption="What a review asks", columns=("check", *strategies), rows=tuple(rows))


def _distinct(names: Iterable[str]) -> list[str]:
    """Return NAMES, those that come again with a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _status(status: str) -> Cell:
    return words(status, _STATUS_STYLES.get(status, "dim"))


def _failures(checks: Checks) -> Table:
    rows = (
        (
            words(verdict.strategy),
            words(check.name, "fail"),
            words(str((check.evidence or {}).get("message", "")), "long"),
            words(check.why, "long"),
            words(check.reproduce, "code"),
        )
        for verdict in checks.results
        for check in verdict.checks
        if check.status == "FAIL"
    )
    columns = ("strategy", "check", "what was found", "why it matters", "to see it again")
    return Table(caption="What failed", columns=columns, rows=tuple(rows))


def _facts(raw: Mapping[str, Any]) -> Iterator[Facts]:
    for name, caption in (("environment", "Measured on"), ("config", "Asked for")):
        if isinstance(raw.get(name), dict):
            yield Facts(caption, {key.replace("_", " "): _said(value) for key, value in raw[name].items()})


def _said(value: object) -> str:
    """Return what people write for a value of JSON; what is nested deeper stays JSON."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


_RENDERERS: Mapping[type[Any], Renderer] = {documents.Bench: _bench, documents.Checks: _checks}
