"""Conformance: every question a review asks of a strategy, answered with evidence."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from typing import TYPE_CHECKING, Any

import attrs

from clearfw import _core, isolation
from clearfw.checks import cells, interpreted, search
from clearfw.checks.answers import CANNOT, FAIL, INCOMPLETE, NOT_ASKED, PASS, UNTESTED, Answer
from clearfw.checks.catalogue import answered_by, checks
from clearfw.checks.questions.visible import litmus
from clearfw.checks.subject import LONGEST_CLEAR, Evidence, Found, Subject, served
from clearfw.errors import CheckError, ClearfwError, UnknownCheckError, UnsupportedError
from clearfw.strategies import NativeStrategy
from clearfw.toolchain.portable import is_portable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from clearfw.checks.check import Check
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

# Of processor time, for one call of a strategy.
PATIENCE_S = 5.0
# Of time on the wall, where others work as well: so many times longer before a child is taken for asleep.
_ASLEEP = 60
_ASLEEP_ASKED = 12

__all__ = ["PATIENCE_S", "checks", "known", "run"]


def known(names: Sequence[str]) -> tuple[str, ...]:
    """Return NAMES, or every check's name where there are none; raises UnknownCheckError."""
    every = checks()
    for name in names:
        if name not in every:
            raise UnknownCheckError(name, every)
    return tuple(names or every)


def run(  # noqa: PLR0913  each has a default
    strategy: Strategy,
    names: Sequence[str] = (),
    *,
    architecture: Architecture | None = None,
    patience_s: float = PATIENCE_S,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
    fail_fast: bool = False,
) -> Iterator[Answer]:
    """Yield the answer of each check (all, or those named), in order; with FAIL_FAST, the first to fail.

    A call of the strategy may take PATIENCE_S of processor time. PROGRESS is told how much is done, of what.
    With ARCHITECTURE, the core and the strategy are that one's, under its emulator. Raises CheckError where
    the computer, and not the strategy, is why there is no answer.
    """
    asked = {name: one for name, one in checks().items() if name in (names or checks())}
    points = served(strategy, architecture)
    about = {name: one for name, one in asked.items() if one.points & points}
    run_ = _Run(strategy, architecture, points, patience_s, workers, progress, fail_fast)
    found = run_.all_of(about)
    if fail_fast and any(not answer.passed for answer in found.values()):
        yield from (answer for answer in found.values() if not answer.passed)
        return
    for one in asked.values():
        yield found[one.name] if one.name in found else _not_asked(one)


def _not_asked(one: Check) -> Answer:
    return Answer(one, NOT_ASKED, Evidence(message=f"it does not serve {' or '.join(sorted(one.points))}"))


@attrs.frozen
class _Task:
    """One child's work: a job of the search, or a question."""

    name: str
    work: Callable[[isolation.Tell], None]
    config: str = ""
    times: int = _ASLEEP


@attrs.define
class _Run:
    """All that is asked of one strategy."""

    strategy: Strategy
    architecture: Architecture | None
    points: frozenset[str]
    patience_s: float
    workers: int
    progress: Callable[[int, int], None] | None
    fail_fast: bool = False
    findings: dict[str, Evidence] = attrs.field(factory=dict)
    told: list[dict[str, Any]] = attrs.field(factory=list)
    harmless: dict[str, Evidence] = attrs.field(factory=dict)
    hung: str = ""

    def all_of(self, about: Mapping[str, Check]) -> dict[str, Answer]:
        """Return the answers of the checks in ABOUT, by name."""
        answers: dict[str, Answer] = {}
        searched = [one for one in about.values() if one.ask is None]
        jobs = [*self._jobs(searched)] if searched else []
        asked = [self._question(one.name, one.ask) for one in about.values() if one.ask is not None]
        # The plainest machines first, on which most that is wrong shows.
        tasks = [*jobs[:4], *asked, *jobs[4:]]
        for task, outcome in self._outcomes(tasks):
            if task.name in about:
                answers[task.name] = self._answer(about[task.name], outcome)
            else:
                self._learn(task, outcome)
            if self.fail_fast:
                self._share_out(about, answers)
                if any(not answer.passed for answer in answers.values()):
                    return answers
        if self.told and not any(told["claims"] for told in self.told) and not self.findings:
            message = "passed on every block, every list and every area, with and without HIGHMEM and KASAN"
            self.findings["unclaimed"] = Evidence(message=message)
        self._share_out(about, answers)
        for one in searched:
            if one.name not in answers:
                answers[one.name] = self._remarked(one)
        for one in about.values():
            answers.setdefault(
                one.name, Answer(one, UNTESTED, Evidence(message=f"not asked any more: {self.hung}"))
            )
        return answers

    def _jobs(self, asked: Iterable[Check]) -> Iterator[_Task]:
        wanted = frozenset().union(*(one.points for one in asked)) & self.points
        for job in cells.jobs():
            yield _Task(f"{job}", functools.partial(self._explore, job, wanted), job.cmdline())

    def _explore(self, job: cells.Job, points: frozenset[str], tell: isolation.Tell) -> None:
        if isinstance(self.strategy, NativeStrategy):
            search.explore(self.strategy, job, points, tell, self.patience_s, self.architecture)
        else:
            interpreted.explore(self.strategy, job, points, tell, self.patience_s)

    def _question(self, name: str, ask: Callable[[Subject], None] | None) -> _Task:
        work = functools.partial(_ask, self.strategy, self.architecture, ask)
        return _Task(name, work, times=_ASLEEP_ASKED)

    def _outcomes(self, tasks: Sequence[_Task]) -> Iterator[tuple[_Task, isolation.Outcome]]:
        """Run TASKS, as many at a time as there are workers, each with RAM that those before it had."""
        at_work: list[tuple[_Task, isolation.Child, int]] = []
        waiting, done = list(reversed(tasks)), 0
        with contextlib.ExitStack() as stack:
            rams = [_ram(stack) for _ in range(self.workers)]
            try:
                while at_work or (waiting and not self.hung):
                    while waiting and rams and not self.hung:
                        task, ram = waiting.pop(), rams.pop()
                        at_work.append((task, _start(task, ram, self.patience_s * task.times), ram))
                    task, child, ram = at_work.pop(isolation.first_done([one[1] for one in at_work]))
                    rams.append(ram)
                    outcome = child.wait()
                    done += 1
                    if self.progress:
                        self.progress(done, len(tasks))
                    yield task, outcome
            finally:
                for _, child, _ in at_work:
                    child.end()

    def _learn(self, task: _Task, outcome: isolation.Outcome) -> None:
        _refuse_environment(outcome)
        told = next((message["told"] for message in outcome.told if "told" in message), None)
        if told is None and outcome.end.startswith("raised ") and not self.strategy.interpreted:
            msg = f"the search {outcome.end} (on {task.config}): a mistake of clearfw, not the strategy's"
            raise CheckError(msg)
        if told is None:
            at: dict[str, Any] = next(
                (message["at"] for message in reversed(outcome.told) if "at" in message), {}
            )
            point = at.get("point", min(self.points))
            evidence = Evidence(**{"config": task.config, **at, "message": outcome.end})
            self.findings.setdefault(f"ended {point} block", evidence)
            return
        self.told.append(told)
        for key, evidence in told["findings"].items():
            kept = self.harmless if key.startswith("zero_pages ") and self._for_x86 else self.findings
            kept.setdefault(key, Evidence(**evidence))
        for name, line in told["shared"].items():
            message = (
                f"wrote to {name} at {line}, which all CPUs share: keep it on the stack, or make it atomic"
            )
            self.findings.setdefault(f"shared {name}", Evidence(message=message, config=task.config))
        if told["hung"]:
            self.hung = "it did not come back from a call"

    def _share_out(self, about: Mapping[str, Check], answers: dict[str, Answer]) -> None:
        """Have each finding answer its check."""
        for key, evidence in self.findings.items():
            one = answered_by(f"{key} ", about) or answered_by(key, about)
            if one is not None and (one.name not in answers or answers[one.name].status != FAIL):
                answers[one.name] = Answer(one, FAIL, evidence)

    def _remarked(self, one: Check) -> Answer:
        """Return the answer of a check of the search that nothing was found for."""
        if self.hung:
            return Answer(one, UNTESTED, Evidence(message=f"not asked to the end: {self.hung}"))
        if one.name == "every_line_ran":
            return self._lines(one)
        if one.name == "two_threads" and (why := self._why_plain()):
            return Answer(one, UNTESTED, Evidence(message=f"stores to static storage were not seen: {why}"))
        if one.name == "visible_on_return" and (untested := self._untested()):
            return self._late(one, untested)
        if one.name == "any_count" and self.harmless:
            evidence = next(iter(self.harmless.values()))
            message = f"{evidence.message}: but not on x86, which alone this file is for"
            return Answer(one, PASS, attrs.evolve(evidence, message=message))
        remark = self._waste(one.name)
        return Answer(one, PASS, Evidence(message=remark) if remark else None)

    @functools.cached_property
    def _for_x86(self) -> bool:
        """Whether the strategy is for x86 alone, which has a clear_pages() of its own."""
        here = self.architecture.name if self.architecture else platform.machine()
        return (
            here == "x86_64"
            and isinstance(self.strategy, NativeStrategy)
            and not is_portable(self.strategy.read)
        )

    def _why_plain(self) -> str:
        return next((told["why_plain"] for told in self.told if told["why_plain"]), "")

    def _lines(self, one: Check) -> Answer:
        if why := self._why_plain():
            return Answer(one, UNTESTED, Evidence(message=f"which lines ran was not seen: {why}"))
        places = {tuple(place) for told in self.told for place in told["places"]}
        reached = {tuple(place) for told in self.told for place in told["reached"]}
        lines = tuple(
            dict.fromkeys(f"{file.rpartition('/')[2]}:{line}" for file, line, _ in sorted(places - reached))
        )
        if not lines:
            return Answer(one, PASS)
        shown = ", ".join(lines[:8]) + (f" and {len(lines) - 8} more" if len(lines) > 8 else "")  # noqa: PLR2004
        message = (
            f"{len(lines)} {'line' if len(lines) == 1 else 'lines'} never ran, in whole or in part: {shown}"
        )
        return Answer(one, INCOMPLETE, Evidence(message=message), lines)

    def _untested(self) -> list[str]:
        return list(dict.fromkeys(why for told in self.told for why in told["untested"]))

    def _late(self, one: Check, untested: Sequence[str]) -> Answer:
        """What the machine code does not tell, a race may show; that it shows nothing tells nothing."""
        ((_, outcome),) = self._outcomes([self._question("litmus", litmus)])
        answer = self._answer(one, outcome)
        if answer.status == FAIL:
            return answer
        seen = f"; {answer.evidence.message}" if answer.evidence else ""
        return Answer(one, UNTESTED, Evidence(message=f"{untested[0]}{seen}"))

    def _waste(self, name: str) -> str:
        def most(key: str) -> Any:  # noqa: ANN401  numbers, or pairs of them
            return max((told["waste"][key] for told in self.told if key in told["waste"]), default=None)

        sleeps = next((one for key, one in self.findings.items() if key.startswith("sleep vmalloc")), None)
        if name == "vmalloc_whole" and sleeps:
            return sleeps.message
        if name == "zero_on_alloc" and (again := most("cleared_again")) and again[0]:
            return f"clears {again[0]} of {again[1]} pages more than once"
        if name == "highmem_mapped" and (again := most("mapped_again")) and again[0]:
            return f"maps {again[0]} times more than once a page, for {again[1]} pages"
        if name == "atomic_context" and (longest := most("longest_clear_bytes")) and longest > LONGEST_CLEAR:
            return (
                f"clears {longest >> 20} MiB in one call, over the {LONGEST_CLEAR >> 20} MiB of "
                "PROCESS_PAGES_NON_PREEMPT_BATCH: nothing interrupts it"
            )
        return ""

    def _answer(self, one: Check, outcome: isolation.Outcome) -> Answer:
        _refuse_environment(outcome)
        at: dict[str, Any] = next(
            (message["at"] for message in reversed(outcome.told) if "at" in message), {}
        )
        if outcome.end:
            return Answer(one, FAIL, Evidence(**{**at, "message": outcome.end}))
        for message in outcome.told:
            if "untested" in message:
                return Answer(one, UNTESTED, Evidence(message=message["untested"]))
            if "unsupported" in message:
                return Answer(one, CANNOT, Evidence(message=message["unsupported"]))
            if "found" in message:
                return Answer(one, FAIL, Evidence(**message["found"]))
        remarks = [message["remark"] for message in outcome.told if "remark" in message]
        return Answer(one, PASS, Evidence(**remarks[0]) if remarks else None)


def _ram(stack: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("clearfw-ram")
    stack.callback(os.close, descriptor)
    return descriptor


def _start(task: _Task, ram: int, deadline: float) -> isolation.Child:
    def work(tell: isolation.Tell) -> None:
        _core.share_ram(ram)
        task.work(tell)

    return isolation.start(work, deadline)


def _refuse_environment(outcome: isolation.Outcome) -> None:
    """Raise CheckError if it was the computer that the child could not go on with."""
    for message in outcome.told:
        if "cannot" in message:
            raise CheckError(message["cannot"])
    if outcome.end in {"was ended by SIGXCPU", "was ended by SIGKILL"}:
        limit = (
            "its limit of processor time, ulimit -t"
            if "XCPU" in outcome.end
            else "the kernel, as for want of memory"
        )
        msg = f"a process of the check {outcome.end}: by {limit}; give it more"
        raise CheckError(msg)


def _ask(
    strategy: Strategy,
    architecture: Architecture | None,
    ask: Callable[[Subject], None] | None,
    tell: isolation.Tell,
) -> None:
    """In the child: ask, and tell what was found."""
    subject = Subject(strategy, tell, architecture)
    try:
        if ask is not None:
            ask(subject)
    except Found as found:
        tell({"found": found.evidence})
    except ClearfwError as error:
        # Here nothing is out of reach: then it was the strategy that raised it.
        if architecture is not None and isinstance(error, UnsupportedError):
            tell({"unsupported": str(error)})
        elif isinstance(error, search.ENVIRONMENT):
            tell({"cannot": str(error)})
        elif isinstance(error, search.LOST):
            tell({"untested": str(error)})
        else:
            # The core itself refused what the strategy did: its words are the evidence.
            pfn = getattr(error, "pfn", None)
            tell({"found": {"message": str(error), "config": subject.config, "pfn": pfn, **subject.where}})
