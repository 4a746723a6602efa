"""What the real kernel says, before and after, beside the model: as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.kernel_tree.check import FAIL, PASS
from clearfw.reports.tables.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clearfw.bench.statistics import Ratio
    from clearfw.kernel_tree.bench import Plan, Row, Run
    from clearfw.kernel_tree.check import Answer
    from clearfw.kernel_tree.store import Build

_MARK = "!"
# With fewer rounds, the interval of a median says little.
_ENOUGH_ROUNDS = 6
_MIB = 1 << 20


def bench(run: Run, plan: Plan, host: str, model: Mapping[str, str]) -> RenderableType:
    """Return the table of RUN, and what must be known to read it; MODEL says what stands for which kernel."""
    parts: list[RenderableType] = [Text(_heading(plan, host), style="bold"), _kernels(run, plan)]
    if model:
        parts += [Text(f"\n{_model_heading(model)}", style="bold"), _model(run, plan)]
    parts += [Text(note, style="dim") for note in _notes(run, plan)]
    parts += [Text(problem, style="bold red") for problem in problems(run)]
    return Group(*parts)


def problems(run: Run) -> Iterator[str]:
    """Yield what a kernel did wrong."""
    for label, dirty in run.dirty.items():
        yield f"{label}: {dirty:,} blocks were left dirty that had to be cleared, so its times are void."


def check(answers: Sequence[Answer]) -> RenderableType:
    """Return the answers of the kernels, side by side, and the evidence of what failed."""
    kernels = list(dict.fromkeys(answer.kernel for answer in answers))
    grid = Grid()
    grid.add_column("question")
    for kernel in kernels:
        grid.add_column(kernel)
    grid.add_column("is that", overflow="fold")
    by_name: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        by_name.setdefault(answer.name, {})[answer.kernel] = answer
    for name, found in by_name.items():
        cells = [_status(found[kernel].status) if kernel in found else Text("") for kernel in kernels]
        grid.add_row(name, *cells, next(iter(found.values())).summary)
    parts: list[RenderableType] = [grid]
    for answer in failed(answers):
        parts.append(Text(f"\n{answer.kernel}: {answer.name}", style="bold red"))
        parts += [Text(f"  {line}") for line in answer.evidence]
    return Group(*parts)


def failed(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers that a kernel failed."""
    return [answer for answer in answers if answer.status == FAIL]


def failed_in_the_end(answers: Sequence[Answer]) -> list[Answer]:
    """Return what the last kernel failed: the one with the patches, where there are some."""
    return [answer for answer in failed(answers) if answer.kernel == answers[-1].kernel]


def _status(status: str) -> Text:
    return Text(status, style={PASS: "green", FAIL: "bold red"}.get(status, "dim"))


def builds(kept: Sequence[Build]) -> Table:
    """Return the kernels in the cache."""
    grid = Grid()
    for name in ("build", "version", "primitive", "tree", "patched"):
        grid.add_column(name, overflow="fold")
    grid.numbers("MiB")
    for build in kept:
        about = build.about
        patched = ", ".join(about["files"]) or "as it stands"
        size = f"{build.nbytes / _MIB:.0f}"
        grid.add_row(build.folder.name, about["version"], about["primitive"], about["tree"], patched, size)
    return grid


def _heading(plan: Plan, host: str) -> str:
    versions = dict.fromkeys(str(build.about["version"]) for build in plan.builds.values())
    primitive = next(iter(plan.builds.values())).about["primitive"]
    arguments = " ".join(plan.arguments) or "init_on_alloc=1"
    how = "hot" if plan.hot else "cold"
    return f"Linux {', '.join(versions)} as User-Mode Linux on {host}: {arguments}, {primitive}, {how}"


def _kernels(run: Run, plan: Plan) -> Table:
    """Return what the kernels took, order by order."""
    grid = Grid()
    grid.numbers("order")
    for label in plan.builds:
        grid.numbers(f"{label} ns", "GB/s")
    grid.numbers("alone ns")
    if len(plan.builds) > 1:
        grid.numbers("ratio", "95 %", "A/A 95 %")
    for row in run.rows:
        cells = [str(row.order)]
        for label in plan.builds:
            shape = row.shapes[label]
            cells += [f"{shape.ns.median:,.0f}", f"{shape.gbps:.1f}"]
        cells.append(f"{row.alone_ns['before']:,.0f}" if "before" in row.alone_ns else "")
        if len(plan.builds) > 1:
            cells += [_ratio(row.ratio), _interval(row.ratio), _interval(row.noise)]
        grid.add_row(*cells)
    return grid


def _model(run: Run, plan: Plan) -> Table:
    """Return what the model says of the same, and how far that is from the kernels."""
    grid = Grid()
    grid.numbers("order")
    for label in plan.builds:
        grid.numbers(f"{label} ns", "GB/s")
    if len(plan.builds) > 1:
        grid.numbers("ratio", "95 %", "kernel", "off")
    for row in run.rows:
        cells = [str(row.order)]
        for label in plan.builds:
            shape = row.model[label]
            cells += [f"{shape.ns.median:,.0f}", f"{shape.gbps:.1f}"]
        if len(plan.builds) > 1:
            cells += [_ratio(row.model_ratio), _interval(row.model_ratio), _ratio(row.ratio), _off(row)]
        grid.add_row(*cells)
    return grid


def _off(row: Row) -> str:
    if row.off is None:
        return ""
    return f"{row.off:+.0%}{f' {_MARK}' if abs(row.off) > row.tolerance else ''}"


def _ratio(ratio: Ratio | None) -> str:
    return f"{ratio.ratio:.2f}" if ratio else ""


def _interval(ratio: Ratio | None) -> str:
    return "{:.2f}\N{EN DASH}{:.2f}".format(*ratio.ci95) if ratio else ""


def _model_heading(model: Mapping[str, str]) -> str:
    named = ", ".join(f"{label} is {strategy}" for label, strategy in model.items())
    return f"The model in the same rounds: {named}"


def _notes(run: Run, plan: Plan) -> Iterator[str]:
    where = "free" if plan.on_free else "allocation"
    yield f"ns: of a block, {where} and clear together; alone: without a clear (init_on_alloc=0)."
    if len(plan.builds) > 1:
        yield "ratio: time before over time after, the median of rounds; above 1 the patches are faster."
        yield "A/A: before against itself, a round against the next; what lies inside it is no difference."
    if any(row.off is not None for row in run.rows):
        yield f"off: the model's ratio over the kernel's; {_MARK} beyond 10 %, at orders 0 to 2 beyond 15 %."
    huge = run.huge_nbytes / run.memory_nbytes if run.memory_nbytes else 0
    yield f"{run.rounds} rounds; {run.memory_nbytes // _MIB} MiB of memory, {huge:.0%} of it on huge pages."
    for label, build in plan.builds.items():
        if not build.about["clear_pages"]:
            yield f"The tree {label} has no clear_pages(): it clears page by page, whatever the order."
    if run.rounds < _ENOUGH_ROUNDS:
        yield f"{run.rounds} rounds are few: the intervals say little."
    if run.interrupted:
        yield "Interrupted: these are the rounds that were done."
