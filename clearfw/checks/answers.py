"""Answers: what checks said of a strategy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearfw.checks.check import Check
    from clearfw.checks.subject import Evidence


PASS, FAIL, NOT_ASKED, CANNOT = "pass", "FAIL", "not asked", "cannot"
# Nothing was found, and not all was seen: lines that never ran; and nothing was found, for nothing could be.
INCOMPLETE, UNTESTED = "incomplete", "untested"


@attrs.frozen
class Answer:
    """What a check said of a strategy: passed, with a remark perhaps; failed, with evidence; or no answer.

    It is not asked of a strategy that it is not about, and cannot be answered on some architectures.
    Incomplete: lines of the strategy never ran. Untested: it could not be tested here.

    Attributes:
        lines: those that never ran, as "file.c:12".

    """

    check: Check
    status: str
    evidence: Evidence | None = None
    lines: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong: what was not asked is not wrong."""
        return self.status != FAIL

    @property
    def conclusive(self) -> bool:
        """Whether it says what was to be known: with --strict, incomplete and untested count as failed."""
        return self.status not in {FAIL, INCOMPLETE, UNTESTED}


@attrs.frozen
class Verdict:
    """All answers about one strategy.

    Attributes:
        given: how it was named on the command line.
        arch: where it was asked, if not on this computer.
        alone: whether no other strategy that was asked has its name.

    """

    given: str
    strategy: str
    answers: tuple[Answer, ...]
    arch: str = ""

    alone: bool = True

    @property
    def label(self) -> str:
        """The strategy, its file where another has the same name, and where it was asked."""
        name = self.strategy if self.alone else f"{self.strategy} ({self.given})"
        return f"{name} on {self.arch}" if self.arch else name

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(answer.passed for answer in self.answers)

    @property
    def conclusive(self) -> bool:
        """Whether no check failed, and none is incomplete or untested."""
        return all(answer.conclusive for answer in self.answers)


def sentence(answer: Answer) -> str:
    """Return what a check found, in one sentence; empty where there is nothing to say."""
    return answer.evidence.message if answer.evidence else ""


def where(answer: Answer) -> str:
    """Return the machine, init point and block that it happened on."""
    evidence = answer.evidence
    if evidence is None:
        return ""
    block = [
        f"{evidence.point} init point" if evidence.point else "",
        f"order {evidence.order}" if evidence.order is not None else "",
        f"{evidence.npages} pages" if evidence.npages is not None and evidence.order is None else "",
        f"machine {evidence.config!r}" if evidence.config else "",
    ]
    return ", ".join(part for part in block if part)


def reproduce(answer: Answer, given: str, arch: str = "") -> str:
    """Return the command that asks this one check again."""
    where = f" --arch {arch}" if arch else ""
    return f"clearfw check {shlex.quote(given)} --only {answer.check.name}{where}"


def explanation(answer: Answer, given: str, arch: str = "") -> str:
    """Return all that is needed to mend a failure: what, where, why it matters, how to see it again."""
    lines = [f"{answer.check.name}: {sentence(answer)}"]
    if where(answer):
        lines.append(f"  on: {where(answer)}")
    lines += [f"  why: {answer.check.why}", f"  again: {reproduce(answer, given, arch)}"]
    return "\n".join(lines)


def catalogue(checks: Iterable[Check]) -> str:
    """Return every check with its reason, as the Markdown that docs/reference/checks.md holds."""
    return "\n".join(
        f"- `{one.name}` ({', '.join(sorted(one.points))}): {one.asks}\n  {one.why}\n" for one in checks
    )
