"""The search: one job's cells, one after another, and new ones made of what the strategy compares with.

It runs in a child process, and tells what it found. A strategy in C is asked twice: instrumented, where
everything it does is seen, and as it will run, where stores in assembly show in what memory holds.
"""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING, Any, cast

import attrs

from clearfw import _core
from clearfw.checks import cells, flows
from clearfw.checks.cells import Cell, Job, Zone
from clearfw.checks.coverage import Coverage
from clearfw.checks.emulated import EmulatedExaminer, EmulatedMachine
from clearfw.config import Config
from clearfw.errors import (
    BackingError,
    CheckError,
    ClearfwError,
    CoreErrno,
    MapCountError,
    MemoryLimitError,
    NoCompilerError,
    SystemCallError,
    UnsupportedError,
    WindowError,
)
from clearfw.machine import Machine
from clearfw.toolchain import observed
from clearfw.toolchain.compiler import compile_c, find_compiler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from clearfw.isolation import Tell
    from clearfw.strategies import NativeStrategy
    from clearfw.toolchain.architectures import Architecture

# Of one call, and of all of a job: what an instrumented strategy may tell of. Counted, so that the same
# cells are
# asked each time, however busy the computer is.
_EVENTS_OF_A_CALL = 2_000_000
_EVENTS_OF_A_JOB = 12_000_000
# What the computer, and not the strategy, is why for; and what nobody could look at.
ENVIRONMENT = (BackingError, MapCountError, MemoryLimitError, NoCompilerError, SystemCallError)
LOST = (WindowError,)

_ESYS = int(CoreErrno.ESYS)
_POINT_OF = {
    "init_on_alloc": "alloc",
    "init_on_free": "free",
    "init_on_vmalloc": "vmalloc",
    "init_vmalloc_pages": "vmalloc",
}
# New cells that comparisons may make, of a job.
_DERIVED = 1500


@attrs.define
class Told:
    """What a job found, as it is told to whoever waits for it.

    Attributes:
        findings: the first of each kind at each init point, with what it was asked.
        places, reached: where the strategy's blocks begin, and where those do that ran.
        untested: what of the order of stores could not be followed.
        why_plain: why it was not instrumented; empty where it was.
        unsupported: machines that this architecture has not.
        shared: static storage it wrote to, and the line that did.
        claims, calls: how often it claimed, of how many calls.
        waste: the most pages that one call cleared again, and the like.
        unseen: cells that were too long to be observed.

    """

    findings: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    untested: list[str] = attrs.field(factory=list)
    why_plain: str = ""
    unsupported: list[str] = attrs.field(factory=list)
    places: set[tuple[str, int, int]] = attrs.field(factory=set)
    reached: set[tuple[str, int, int]] = attrs.field(factory=set)
    shared: dict[str, str] = attrs.field(factory=dict)
    claims: int = 0
    calls: int = 0
    waste: dict[str, Any] = attrs.field(factory=dict)
    unseen: int = 0
    asked: int = 0
    hung: bool = False


class HungError(Exception):
    """A call did not come back: the job ends."""


@attrs.define
class Subject:
    """One build of a strategy on one machine, under the examiner."""

    job: Job
    machine: Machine
    cmdline: str
    examiner: _core.Examiner
    told: Told
    coverage: Coverage | None
    zones: tuple[Zone, ...]
    areas: dict[str, _core.VmallocArea] = attrs.field(factory=dict)
    open: frozenset[int] = frozenset()

    def ask(self, cell: Cell) -> bool:
        """Ask CELL; whether it could be asked."""
        if not self._fits(cell):
            return False
        examiner = self.examiner
        examiner.strict_kmaps(cell.strict)
        examiner.begin(cell.dirt.word, cell.dirt.spot, cell.dirt.pages)
        if cell.how == "block":
            examiner.block(cell.point, cell.pfns[0], cell.npages, cell.private)
        elif cell.how == "list":
            examiner.pages(cell.point, list(cell.pfns), cell.private)
        else:
            examiner.area(self.areas[cell.layout], cell.nbytes, cell.private)
        self._look(cell)
        return True

    def _fits(self, cell: Cell) -> bool:
        if cell.how == "area":
            area = self.areas.get(cell.layout)
            return area is not None and cell.nbytes <= area.npages * self.job.page_size
        if cell.how == "block":
            return bool(cell.npages) and any(
                zone.start <= cell.pfns[0] and cell.pfns[0] + cell.npages <= zone.end for zone in self.zones
            )
        if len(set(cell.pfns)) != len(cell.pfns):
            return False
        if any(not any(zone.start <= pfn < zone.end for zone in self.zones) for pfn in cell.pfns):
            return False
        if not self.open.issuperset(cell.pfns):
            self.keep_open(self.open.union(cell.pfns))
        return True

    def close(self) -> None:
        """Give back what it has, and let go of the machine."""
        for area in self.areas.values():
            self.examiner.unseal()
            area.free()
        self.examiner.close()

    def keep_open(self, pfns: Iterable[int]) -> None:
        """Have these pages writable between cells, and no others."""
        self.open = frozenset(pfns)
        self.examiner.keep_open(sorted(self.open))

    def limit(self, cell: Cell) -> int:
        """Return how many pages there are in a row from CELL's first on."""
        if cell.how == "area":
            return self.areas[cell.layout].npages
        return max(
            (zone.end - cell.pfns[0] for zone in self.zones if zone.start <= cell.pfns[0] < zone.end),
            default=0,
        )

    def count(self) -> None:
        """Count a cell."""
        told, counts = self.told, self.examiner.counts
        told.asked += 1
        told.calls += counts["calls"]
        told.claims += counts["claims"]

    def _look(self, cell: Cell) -> None:
        self.count()
        found = self.examiner.finding
        if found is None:
            return
        size = cell.size(self.job.page_size)
        is_order = cell.how == "block" and size & (size - 1) == 0
        self.found(
            dict(found),
            cell.point,
            cell.how,
            order=size.bit_length() - 1 if is_order else None,
            npages=size,
            strict=cell.strict,
        )

    def found(  # noqa: PLR0913  what was asked
        self,
        found: dict[str, Any],
        point: str,
        how: str,
        order: int | None,
        npages: int,
        *,
        strict: bool = True,
    ) -> None:
        """Note a finding, unless there is one that answers the same."""
        kind, job = found["kind"], self.job
        if found["code"] == _ESYS:
            raise CheckError(found["message"])
        zones = "highmem" if job.highmem else "lowmem"
        key = f"{kind} {point} {how} {job.kasan} {zones} {'count' if order is None else 'order'}"
        line = self.coverage.line_of(found["frames"]) if self.coverage else ""
        evidence = {
            "message": f"{found['message']} ({line})" if line else found["message"],
            "config": self.cmdline if strict else self.cmdline.replace("kmap=strict", "kmap=priced"),
            "point": point,
            "order": order,
            "npages": npages,
            "pfn": found["pfn"],
            "offset": found["offset"],
            "byte": found["byte"],
        }
        self.told.findings.setdefault(key, evidence)
        if kind == "hang":
            raise HungError


class _Walk:
    """An instrumented strategy's way through the cells: each comparison that is new makes new ones."""

    def __init__(self, subject: Subject, budget: _Budget) -> None:
        self.subject, self.budget = subject, budget
        self.asked: dict[Cell, None] = {}
        self._known: set[int] = set()
        self._first: dict[int, Cell] = {}  # the cell that a comparison was first seen in

    def run(self, given: Iterable[Cell]) -> None:
        """Ask all of GIVEN, and what comes of them."""
        queue = collections.deque(given)
        self._drain(queue)
        # An operand that never changed is a constant too, by whatever name.
        for pc, left, right, constant, left_varies, right_varies in self.subject.examiner.compares:
            if constant or pc not in self._first:
                continue
            if left_varies != right_varies:
                queue.extend(self._derive(self._first.pop(pc), right if left_varies else left))
        self._drain(queue)

    def _drain(self, queue: collections.deque[Cell]) -> None:
        while queue:
            cell = queue.popleft()
            if cell in self.asked or not self.budget.allows(cell, self.subject):
                self.asked.setdefault(cell)
                continue
            self.asked[cell] = None
            if not self.subject.ask(cell):
                del self.asked[cell]
                continue
            self.budget.spend(cell, self.subject)
            if self.subject.examiner.counts["new_sites"]:
                # First what is new: it may lie behind what only this cell passes.
                queue.extendleft(reversed([*self._new(cell)]))

    def _new(self, cell: Cell) -> Iterator[Cell]:
        for pc, left, _, constant, _, _ in self.subject.examiner.compares:
            if pc in self._known:
                continue
            self._known.add(pc)
            self._first[pc] = cell
            if constant:
                yield from self._derive(cell, left)

    def _derive(self, cell: Cell, value: int) -> Iterator[Cell]:
        for one in cells.derived(cell, value, self.subject.job.page_size, self.subject.limit(cell)):
            if one not in self.asked and self.budget.derive():
                yield one


@attrs.define
class _Budget:
    """What may be observed of a job, in events: what is left, and what a page took at most so far."""

    left: int = _EVENTS_OF_A_JOB
    rate: float = 0
    derived: int = 0

    def allows(self, cell: Cell, subject: Subject) -> bool:
        """Whether CELL is likely to fit."""
        likely = self.rate * cell.size(subject.job.page_size)
        if likely <= min(self.left, _EVENTS_OF_A_CALL):
            return True
        subject.told.unseen += 1
        return False

    def spend(self, cell: Cell, subject: Subject) -> None:
        """Note what CELL took."""
        events = subject.examiner.counts["events"]
        self.left -= events
        size = cell.size(subject.job.page_size)
        if size > 1:
            self.rate = max(self.rate, events / size / 2)
        if subject.examiner.exhausted:
            subject.told.unseen += 1

    def derive(self) -> bool:
        """Whether one more cell may be made of a comparison."""
        self.derived += 1
        return self.derived <= _DERIVED


@contextlib.contextmanager
def telling(job: Job, tell: Tell) -> Iterator[Told]:
    """Yield what is to be filled in of JOB, and tell it, or why the computer did not let it be found."""
    told = Told()
    try:
        yield told
    except HungError:
        told.hung = True
    except (ClearfwError, OSError, MemoryError) as error:
        # No cell raises: then it was no cell, but the computer.
        tell({"cannot": f"{error} (on {job.cmdline()})"})
        return
    tell({"told": attrs.asdict(told, value_serializer=_serialize)})


def _serialize(_: object, __: object, value: Any) -> Any:  # noqa: ANN401  of any type
    return sorted(value) if isinstance(value, set) else value


def explore(  # noqa: PLR0913, PLR0917  what a child is told
    strategy: NativeStrategy,
    job: Job,
    points: frozenset[str],
    tell: Tell,
    patience_s: float,
    architecture: Architecture | None = None,
) -> None:
    """Ask STRATEGY, which serves POINTS, in all cells of JOB, here or on ARCHITECTURE, and tell all."""
    with telling(job, tell) as told:
        _Native(strategy, job, points, told, patience_s, architecture).run()


@attrs.frozen
class _Build:
    """One build of a strategy: the shared object, and what it says of itself where it is instrumented."""

    path: Path
    coverage: Coverage | None = None


@attrs.define
class _Native:
    """A strategy in C and its two builds."""

    strategy: NativeStrategy
    job: Job
    points: frozenset[str]
    told: Told
    patience_s: float
    architecture: Architecture | None
    bulk: bool = False

    def run(self) -> None:
        """Ask both builds on every machine of the job."""
        builds = [*self._builds()]
        budget = _Budget()
        pages = sorted(self.points & set(cells.POINTS))
        self._order(builds[-1].path)
        if pages:
            self._on(self.job.cmdline(), builds, budget, self._pages(pages))
            self._on(self.job.beyond(), builds, budget, self._beyond(pages))
            if self.job == cells.Job(4096, highmem=False, kasan="off"):
                self._on(cells.WINDOW, builds[-1:], budget, self._window(pages))
        if "vmalloc" in self.points:
            self._on(self.job.for_areas(), builds, budget, self._areas)

    def _builds(self) -> Iterator[_Build]:
        compiler = self.architecture.compiler() if self.architecture else None
        plain = compile_c(self.strategy.read, self.job.options, compiler)
        try:
            compiler = compiler or find_compiler()
            self.told.why_plain = observed.why_not(compiler)
        except NoCompilerError as error:  # what was built beforehand needs none
            self.told.why_plain = str(error)
        if compiler and not self.told.why_plain:
            path = observed.compile_observed(self.strategy.read, self.job.options, compiler)
            coverage = Coverage(path)
            self.told.places |= {attrs.astuple(place) for place in coverage.blocks.values()}
            yield _Build(path, coverage)
        yield _Build(plain)

    def _boot(self, config: Config) -> Machine:
        if self.architecture is None:
            machine = Machine(config, [])
            machine.stack_name = self.strategy.name
            return machine
        # It has all of a Machine that the search uses: tests/checks/test_emulated.py.
        return cast("Machine", EmulatedMachine(config, self.strategy, self.architecture))

    def _examine(self, machine: Machine, build: _Build) -> _core.Examiner:
        if isinstance(machine, EmulatedMachine):
            there = EmulatedExaminer(machine, build.path, self.patience_s, _EVENTS_OF_A_CALL)
            self.bulk = there.bulk
            return cast("_core.Examiner", there)
        handle = _core.load_strategy(str(build.path))
        self.bulk = handle.bulk
        examiner = _core.Examiner(machine, handle)
        examiner.limit(int(self.patience_s * 1e9), _EVENTS_OF_A_CALL)
        return examiner

    def _order(self, built: Path) -> None:
        """Follow the stores of the build that will run to a fence."""
        from clearfw.checks import ordering

        found = ordering.look(built)
        self.told.untested += found.untested
        for one in found.findings:
            for name in one.functions:
                evidence = {
                    "message": one.message,
                    "config": self.job.cmdline(),
                    "point": _POINT_OF.get(name, ""),
                }
                self.told.findings.setdefault(f"unordered {name}", evidence)

    def _on(
        self,
        cmdline: str,
        builds: Sequence[_Build],
        budget: _Budget,
        ask: Callable[[Subject, Callable[[Iterable[Cell]], None]], None],
    ) -> None:
        config = Config.parse(cmdline)
        try:
            machine = self._boot(config)
        except UnsupportedError as error:  # too much for 32 bits
            self.told.unsupported.append(f"{error} (on {cmdline})")
            return
        with contextlib.closing(machine):
            if self.job.page_size > 4096 and not config.window:  # noqa: PLR2004  a fault takes longer than a page
                machine.populate()
            asked: list[Cell] = []
            for build in builds:
                subject = Subject(
                    self.job,
                    machine,
                    cmdline,
                    self._examine(machine, build),
                    self.told,
                    build.coverage,
                    zones(machine),
                )
                try:
                    if build.coverage:
                        walk = _Walk(subject, budget)
                        ask(subject, walk.run)
                        asked = list(walk.asked)
                    else:
                        ask(subject, _Plain(subject, asked).run)
                    self._learn(subject)
                finally:
                    subject.close()

    def _pages(self, points: Sequence[str]) -> Callable[[Subject, Callable[[Iterable[Cell]], None]], None]:
        def ask(subject: Subject, run: Callable[[Iterable[Cell]], None]) -> None:
            def smallest_first(given: Iterable[Cell]) -> list[Cell]:
                return sorted(given, key=lambda cell: cell.size(self.job.page_size))

            subject.examiner.seal()
            run(smallest_first(cells.blocks(self.job, points, subject.zones)))
            bulk = [*cells.lists(self.job, points, subject.zones, bulk=self.bulk)]
            subject.keep_open(pfn for cell in bulk for pfn in cell.pfns)
            run(smallest_first(bulk))
            subject.examiner.unseal()
            flows.run(subject, points)

        return ask

    def _beyond(self, points: Sequence[str]) -> Callable[[Subject, Callable[[Iterable[Cell]], None]], None]:
        def ask(subject: Subject, run: Callable[[Iterable[Cell]], None]) -> None:
            subject.examiner.seal()
            run(cells.beyond(points, subject.zones, self.job.page_size))
            far = [*cells.lists_beyond(points, subject.zones, self.job.page_size)] if self.bulk else []
            subject.keep_open(pfn for cell in far for pfn in cell.pfns)
            run(far)

        return ask

    def _window(self, points: Sequence[str]) -> Callable[[Subject, Callable[[Iterable[Cell]], None]], None]:
        def ask(_: Subject, run: Callable[[Iterable[Cell]], None]) -> None:
            run(cells.in_a_window(points, bulk=self.bulk))

        return ask

    def _areas(self, subject: Subject, run: Callable[[Iterable[Cell]], None]) -> None:
        for layout in cells.LAYOUTS:
            subject.examiner.unseal()
            with laid_out(subject.machine, layout, cells.most_of_an_area(self.job)) as area:
                if area is None:
                    continue
                subject.areas = {layout: area}
                subject.keep_open(area.pfns)
                run(cells.areas(self.job, layout, area.npages))
                subject.examiner.unseal()
                subject.areas = {}

    def _learn(self, subject: Subject) -> None:
        told, examiner = self.told, subject.examiner
        note_waste(subject)
        if subject.coverage is None:
            return
        blocks = subject.coverage.blocks
        told.reached |= {attrs.astuple(blocks[offset]) for offset in examiner.seen if offset in blocks}
        for offset, pc in examiner.shared:
            told.shared.setdefault(subject.coverage.variable(offset), subject.coverage.line(pc))


@attrs.define
class _Plain:
    """The build that will run, asked what the instrumented one was asked."""

    subject: Subject
    also: list[Cell]

    def run(self, given: Iterable[Cell]) -> None:
        """Ask all of GIVEN, and what the search came to beside it."""
        mine = dict.fromkeys(given)
        kinds = {(cell.how, cell.layout) for cell in mine}
        for cell in (
            *mine,
            *(one for one in self.also if (one.how, one.layout) in kinds and one not in mine),
        ):
            self.subject.ask(cell)


def note_waste(subject: Subject) -> None:
    """Keep the most that any call did without need."""
    waste = subject.told.waste
    found = dict(subject.examiner.waste)
    found["longest_clear_bytes"] = found.pop("longest_clear") * subject.job.page_size
    for name, value in found.items():
        waste[name] = max(waste.get(name, value), value)


def zones(machine: Machine) -> tuple[Zone, ...]:
    """Return where MACHINE's zones begin and end."""
    config = machine.config
    first, end = config.hole // config.page_size, (config.hole + config.memory) // config.page_size
    border = end - config.highmem // config.page_size
    low = Zone(first, border, highmem=False)
    return (low, Zone(border, end, highmem=True)) if config.highmem else (low,)


@contextlib.contextmanager
def laid_out(machine: Machine, layout: str, npages: int) -> Iterator[_core.VmallocArea | None]:
    """Yield an area whose pages lie as LAYOUT says, of NPAGES; None where there is none."""
    nbytes = npages * machine.config.page_size
    with contextlib.ExitStack() as stack:
        if layout == "pages":
            every = sorted(
                machine.alloc_pages_bulk(machine.nr_free, "GFP_HIGHUSER"), key=lambda page: page.pfn
            )
            machine.free_pages_bulk(every[::2])
            stack.callback(machine.free_pages_bulk, every[1::2])
            machine.drain()
        elif layout == "runs":
            held = [machine.alloc_pages(order) for order in (0, 1, 0, 2, 0, 3, 0, 4, 0, 5)]
            for block in held[::2]:
                block.free()
            for block in held[1::2]:
                stack.callback(block.free)
            machine.drain()
        elif layout == "unaligned":
            stack.enter_context(machine.vmalloc(1))
        elif layout == "lowmem" and not machine.config.highmem:
            yield None
            return
        gfp = "GFP_KERNEL" if layout == "lowmem" else "GFP_KERNEL|__GFP_HIGHMEM"
        yield stack.enter_context(machine.vmalloc(nbytes, gfp, huge=layout == "huge"))
