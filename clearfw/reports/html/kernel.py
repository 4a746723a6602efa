"""What the real kernel says, on the page: beside the model, order by order; and its own checkers' answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.reports import plots
from clearfw.reports.html import blocks
from clearfw.reports.html.blocks import Cell, Facts, Note, Table, number, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clearfw.reports.html.blocks import Block
    from clearfw.results.saved_kernel import (
        SavedKernel,
        SavedKernelBench,
        SavedKernelChecks,
        SavedOrder,
        SavedRatio,
    )

_STATUS_STYLES = {"pass": "good", "FAIL": "fail"}
_RATIO = "Time before over time after, with 95 % intervals; above 1 the patches are faster."


def bench(found: SavedKernelBench, anchor: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw kernel bench` measured."""
    versions = ", ".join(dict.fromkeys(kernel.version for kernel in found.kernels))
    return f"The kernel itself: {versions}", _bench(found, anchor)


def checks(found: SavedKernelChecks, _: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw kernel check` found."""
    failed = [answer for answer in found.results if answer.status == "FAIL"]
    return f"The kernel's own checkers: {len(failed)} failed", _checks(found)


def _bench(found: SavedKernelBench, anchor: str) -> Iterator[Block]:
    for label, dirty in found.dirty.items():
        yield Note(f"{label}: {dirty:,} blocks were left dirty, so its times are void.", bad=True)
    yield from map(Note, found.notes)
    yield Note(_how(found))
    labels = [kernel.kernel for kernel in found.kernels]
    compared = [row for row in found.results if row.ratio]
    if compared:
        yield blocks.drawing(plots.ratios(compared), f"{anchor}-ratio", _RATIO)
        yield _ratios(compared)
    yield _times(found.results, labels, "kernel")
    if any(row.model for row in found.results):
        yield _times(found.results, labels, "model")
    yield _kernels(found.kernels)


def _how(found: SavedKernelBench) -> str:
    huge = found.memory.huge_bytes / found.memory.bytes if found.memory.bytes else 0
    boot = found.config.get("boot") or "init_on_alloc=1"
    kind = "hot" if found.config.get("hot") else "cold"
    interrupted = ", interrupted" if found.interrupted else ""
    mib = found.memory.bytes >> 20
    return (
        f"As User-Mode Linux, booted with {boot}: {found.rounds} rounds{interrupted}, {kind} blocks, "
        f"{mib} MiB of memory with {huge:.0%} on huge pages."
    )


def _ratios(rows: Sequence[SavedOrder]) -> Table:
    numbers = ("order", "kernel", "95 %", "A/A 95 %", "model", "model 95 %", "off")
    cells = (
        (
            number(row.order, str(row.order)),
            *_ratio(row.ratio),
            _ratio(row.noise)[1],
            *_ratio(row.model_ratio),
            _off(row),
        )
        for row in rows
    )
    return Table(
        caption="Before over after; A/A: before against itself; off: the model's ratio over the kernel's",
        columns=numbers,
        numbers=frozenset(numbers),
        rows=tuple(cells),
    )


def _ratio(found: SavedRatio | None) -> tuple[Cell, Cell]:
    if found is None:
        return words(""), words("")
    low, high = found.ci95
    return number(found.ratio, f"{found.ratio:.2f}"), number(low, f"{low:.2f}\N{EN DASH}{high:.2f}")


def _off(row: SavedOrder) -> Cell:
    if row.off is None:
        return words("")
    return number(row.off, f"{row.off:+.0%}", "fail" if abs(row.off) > row.tolerance else "")


def _times(rows: Sequence[SavedOrder], labels: Sequence[str], whose: str) -> Table:
    alone = ["alone ns"] if whose == "kernel" else []
    numbers = ["order", *(name for label in labels for name in (f"{label} ns", f"{label} GB/s")), *alone]
    cells = []
    for row in rows:
        shapes = row.kernel if whose == "kernel" else row.model
        line = [number(row.order, str(row.order))]
        for label in labels:
            shape = shapes[label]
            line += [
                number(shape.ns.median, f"{shape.ns.median:,.0f}"),
                number(shape.gbps, f"{shape.gbps:.1f}"),
            ]
        line += [number(row.alone_ns.get("before", 0), f"{row.alone_ns.get('before', 0):,.0f}")] * len(alone)
        cells.append(tuple(line))
    captions = {
        "kernel": "The kernels: a block with its clear; alone: without one",
        "model": "The model in the same rounds",
    }
    return Table(
        caption=captions[whose], columns=tuple(numbers), numbers=frozenset(numbers), rows=tuple(cells)
    )


def _kernels(kernels: Sequence[SavedKernel]) -> Facts:
    return Facts("Built of", {kernel.kernel: kernel.said for kernel in kernels})


def _checks(found: SavedKernelChecks) -> Iterator[Block]:
    yield from map(Note, found.notes)
    labels = [kernel.kernel for kernel in found.kernels]
    by_name: dict[str, dict[str, str]] = {}
    for answer in found.results:
        by_name.setdefault(answer.name, {"": answer.summary})[answer.kernel] = answer.status
    rows = (
        (words(name), *(_status(by.get(label, "")) for label in labels), words(by[""], "long"))
        for name, by in by_name.items()
    )
    yield Table(caption="What was asked", columns=("question", *labels, "is that"), rows=tuple(rows))
    lines = (
        (words(answer.kernel), words(answer.name), words("\n".join(answer.evidence), "code"))
        for answer in found.results
        if answer.status == "FAIL"
    )
    if shown := tuple(lines):
        yield Table(
            caption="What failed, in the kernel's own lines",
            columns=("kernel", "question", "lines"),
            rows=shown,
        )
    yield _kernels(found.kernels)


def _status(status: str) -> Cell:
    return words(status, _STATUS_STYLES.get(status, "dim"))
