"""Verdicts: what checks said of strategies, as sentences, tables and JSON, schema clearfw.check/1."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.checks import conformance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from clearfw.checks.conformance import Answer
    from clearfw.checks.subject import Check

SCHEMA = "clearfw.check/1"
_EXPLAINED = 3
_STYLES = {
    conformance.PASS: "green",
    conformance.FAIL: "bold red",
    conformance.NOT_ASKED: "dim",
    conformance.CANNOT: "dim",
}


@attrs.frozen
class Verdict:
    """All answers about one strategy.

    Attributes:
        given: how it was named on the command line.
        arch: where it was asked, if not on this computer.

    """

    given: str
    strategy: str
    answers: tuple[Answer, ...]
    arch: str = ""

    @property
    def label(self) -> str:
        """The strategy, and where it was asked."""
        return f"{self.strategy} on {self.arch}" if self.arch else self.strategy

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(answer.passed for answer in self.answers)


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


def table(verdict: Verdict) -> RenderableType:
    """Return the answers as a table, the failures explained below it."""
    from rich.console import Group
    from rich.text import Text

    from clearfw.reports.tables.grid import Grid

    grid = Grid()
    grid.add_column(verdict.label, no_wrap=True)
    grid.add_column("", no_wrap=True)
    grid.add_column("what was asked, or found")
    for answer in verdict.answers:
        if answer.status != conformance.NOT_ASKED:
            said = Text(sentence(answer)) if answer.evidence else Text(answer.check.asks, "dim")
            grid.add_row(answer.check.name, Text(answer.status, _STYLES[answer.status]), said)
    explained = (
        Text("\n" + explanation(answer, verdict.given, verdict.arch)) for answer in _telling(verdict)
    )
    return Group(grid, Text(_not_asked(verdict), "dim"), *explained, Text(""))


def _telling(verdict: Verdict) -> list[Answer]:
    """Return the failures worth explaining: one mistake fails several checks, and most say the same of it."""
    by_kind: dict[str, Answer] = {}
    for answer in verdict.answers:
        if not answer.passed:
            by_kind.setdefault(" ".join(sentence(answer).split()[:2]), answer)
    return list(by_kind.values())[:_EXPLAINED]


def _not_asked(verdict: Verdict) -> str:
    names = [answer.check.name for answer in verdict.answers if answer.status == conformance.NOT_ASKED]
    return f"not asked, for init points it does not serve: {', '.join(names)}" if names else ""


def catalogue(checks: Iterable[Check]) -> str:
    """Return every check with its reason, as the Markdown that docs/reference/checks.md holds."""
    return "\n".join(
        f"- `{one.name}` ({', '.join(sorted(one.points))}): {one.asks}\n  {one.why}\n" for one in checks
    )


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the one line at the end."""
    failed = [verdict.label for verdict in verdicts if not verdict.passed]
    statuses = [answer.status for verdict in verdicts for answer in verdict.answers]
    cannot = statuses.count(conformance.CANNOT)
    asked = len(statuses) - statuses.count(conformance.NOT_ASKED) - cannot
    strategies = len({verdict.given for verdict in verdicts})
    said = f"{_counted(strategies, 'strategy', 'strategies')}, {_counted(asked, 'check', 'checks')} asked"
    said += f", {cannot} cannot be answered there" if cannot else ""
    return f"{said}: {', '.join(failed)} found wanting" if failed else f"{said}: all passed"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def to_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the document that `clearfw check --json` writes."""
    return {"schema": SCHEMA, "results": [_verdict(verdict) for verdict in verdicts]}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "strategy": verdict.strategy,
        "arch": verdict.arch or None,
        "passed": verdict.passed,
        "checks": [
            {
                "name": answer.check.name,
                "passed": answer.passed,
                "status": answer.status,
                "why": answer.check.why,
                "evidence": attrs.asdict(answer.evidence) if answer.evidence else None,
                "reproduce": reproduce(answer, verdict.given, verdict.arch),
            }
            for answer in verdict.answers
        ],
    }
