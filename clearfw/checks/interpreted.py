"""The search for a strategy in Python: fewer cells, its lines traced, and its attributes watched."""

from __future__ import annotations

import contextlib
import sys
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from clearfw import _core
from clearfw.checks import cells, search
from clearfw.config import Config
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clearfw.checks.cells import Cell, Job
    from clearfw.checks.search import Subject
    from clearfw.isolation import Tell
    from clearfw.strategies import PythonStrategy

# A page takes it some microseconds.
_MOST_PAGES = 33
_DERIVED = 300


def explore(
    strategy: PythonStrategy, job: Job, points: frozenset[str], tell: Tell, patience_s: float
) -> None:
    """Ask STRATEGY, which serves POINTS, in cells of JOB, and tell what was found."""
    with search.telling(job, tell) as told:
        told.places |= {(str(strategy.source or ""), line, 0) for line in lines(strategy.implementation)}
        for cmdline in (job.cmdline(), job.for_areas()):
            with contextlib.closing(Machine(Config.parse(cmdline), [strategy])) as machine:
                examiner = _core.Examiner(machine, None, points)
                examiner.limit(int(patience_s * 1e9), 2**63)
                subject = search.Subject(job, machine, cmdline, examiner, told, None, search.zones(machine))
                _watch(strategy, subject, points, tell)


def _watch(strategy: PythonStrategy, subject: Subject, points: frozenset[str], tell: Tell) -> None:
    source, told = str(strategy.source or ""), subject.told
    try:
        with traced(source) as reached, watched(strategy.implementation) as written:
            _ask(subject, points, constants(strategy.implementation), tell)
        search.note_waste(subject)
    finally:
        subject.examiner.close()
    told.reached |= {(source, line, 0) for line in reached}
    for name, line in written.items():
        told.shared.setdefault(name, f"line {line}" if line else "a line that was not seen")


def _ask(subject: Subject, points: frozenset[str], values: Iterable[int], tell: Tell) -> None:
    job = subject.job
    if subject.cmdline == job.for_areas():
        if "vmalloc" in points:
            _ask_areas(subject, tell)
        return
    pages = sorted(points & set(cells.POINTS))
    given = [cell for cell in cells.blocks(job, pages, subject.zones) if _is_few(cell, job)]
    given += cells.lists(job, pages, subject.zones, bulk=False)
    base = [cell for cell in given if cell.how == "block" and cell.npages == 2 and cell.strict][:4]  # noqa: PLR2004
    derived = dict.fromkeys(
        one
        for cell in base
        for value in values
        for one in cells.derived(cell, value, job.page_size, subject.limit(cell))
    )
    subject.examiner.seal()
    subject.keep_open(())
    for cell in (*given, *list(derived)[:_DERIVED]):
        tell({"at": {"config": subject.cmdline, "point": cell.point, "npages": cell.size(job.page_size)}})
        subject.ask(cell)


def _ask_areas(subject: Subject, tell: Tell) -> None:
    for layout in ("blocks", "pages", "huge"):
        with search.laid_out(subject.machine, layout, 520) as area:
            if area is None:
                continue
            subject.areas = {layout: area}
            subject.keep_open(area.pfns)
            for cell in cells.areas(subject.job, layout, area.npages):
                tell({"at": {"config": subject.cmdline, "point": "vmalloc"}})
                if cell.size(subject.job.page_size) <= _MOST_PAGES or cell.nbytes == area.nbytes:
                    subject.ask(cell)
            subject.examiner.unseal()
            subject.areas = {}


def _is_few(cell: Cell, job: Job) -> bool:
    """Whether it has few pages, or is the one block of its order."""
    if cell.npages <= _MOST_PAGES:
        return True
    return cell.npages & (cell.npages - 1) == 0 and cell.pfns[0] == 0 and job.kasan in {"off", "generic"}


def _codes(implementation: object) -> Iterator[CodeType]:
    """Yield the code of every function of a module, or of an object's class."""
    things = vars(implementation) if isinstance(implementation, ModuleType) else {}
    if not things:
        for cls in type(implementation).__mro__[:-1]:
            things = {**vars(cls), **things}
    pending = [thing.__code__ for thing in things.values() if hasattr(thing, "__code__")]
    while pending:
        code = pending.pop()
        yield code
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def lines(implementation: object) -> set[int]:
    """Return the lines of its functions that hold something to run."""
    found = set()
    for code in _codes(implementation):
        numbers = {line for _, _, line in code.co_lines() if line is not None}
        found |= numbers - {code.co_firstlineno} if len(numbers) > 1 else numbers
    return found


def constants(implementation: object) -> list[int]:
    """Return the whole numbers that stand in its functions."""
    return sorted(
        {one for code in _codes(implementation) for one in code.co_consts if type(one) is int and one > 1}
    )


@contextlib.contextmanager
def traced(source: str) -> Iterator[set[int]]:
    """Yield the lines of SOURCE that run meanwhile."""
    reached: set[int] = set()

    def local(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401  a trace function returns itself
        if event == "line":
            reached.add(frame.f_lineno)
        return local

    def trace(frame: FrameType, _event: str, _: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename != source:
            return None
        return local

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield reached
    finally:
        sys.settrace(before)


@contextlib.contextmanager
def watched(implementation: object) -> Iterator[dict[str, int]]:
    """Yield the attributes of IMPLEMENTATION that are set meanwhile, with the line."""
    written: dict[str, int] = {}
    if isinstance(implementation, ModuleType):
        before = dict(vars(implementation))
        yield written
        for name, value in vars(implementation).items():
            if before.get(name, before) is not value:
                written[name] = 0
        return
    cls = type(implementation)

    def note(self: object, name: str, value: object) -> None:
        written.setdefault(f"self.{name}", sys._getframe(1).f_lineno)  # noqa: SLF001  where the caller stands
        cls.__setattr__(self, name, value)

    try:
        implementation.__class__ = type(cls.__name__, (cls,), {"__setattr__": note, "__slots__": ()})
    except TypeError:  # a class of an extension: its attributes are its own affair
        yield written
        return
    try:
        yield written
    finally:
        object.__setattr__(implementation, "__class__", cls)
