"""Checks as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks import answers
from clearfw.checks.answers import explanation, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from clearfw.checks.answers import Answer, Verdict

_EXPLAINED = 3

_STYLES = {
    answers.PASS: "green",
    answers.FAIL: "bold red",
    answers.NOT_ASKED: "dim",
    answers.CANNOT: "dim",
    answers.INCOMPLETE: "yellow",
    answers.UNTESTED: "yellow",
}


def table(verdict: Verdict) -> RenderableType:
    """Return the answers as a table, with explanations of failures below it."""
    from rich.console import Group
    from rich.text import Text

    from clearfw.reports.tables.grid import Grid

    grid = Grid()
    grid.add_column(verdict.label, no_wrap=True)
    grid.add_column("", no_wrap=True)
    grid.add_column("what was checked, or found")
    for answer in verdict.answers:
        if answer.status != answers.NOT_ASKED:
            said = Text(sentence(answer)) if answer.evidence else Text(answer.check.asks, "dim")
            grid.add_row(answer.check.name, Text(answer.status, _STYLES[answer.status]), said)
    explained = (
        Text("\n" + explanation(answer, verdict.given, verdict.arch)) for answer in _telling(verdict)
    )
    return Group(grid, Text(_not_asked(verdict), "dim"), *explained, Text(""))


def _telling(verdict: Verdict) -> list[Answer]:
    """Return one failure of each kind, because one mistake often fails several checks in the same way."""
    by_kind: dict[str, Answer] = {}
    for answer in verdict.answers:
        if not answer.passed:
            by_kind.setdefault(" ".join(sentence(answer).split()[:2]), answer)
    return list(by_kind.values())[:_EXPLAINED]


def _not_asked(verdict: Verdict) -> str:
    names = [answer.check.name for answer in verdict.answers if answer.status == answers.NOT_ASKED]
    return f"not run, because the strategy serves other init points: {', '.join(names)}" if names else ""


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the summary line at the end."""
    failed = [verdict.label for verdict in verdicts if not verdict.passed]
    every = [answer for verdict in verdicts for answer in verdict.answers]
    statuses = [answer.status for answer in every]
    cannot = statuses.count(answers.CANNOT)
    asked = len(statuses) - statuses.count(answers.NOT_ASKED) - cannot
    strategies = len({verdict.given for verdict in verdicts})
    said = f"{_counted(strategies, 'strategy', 'strategies')}, {_counted(asked, 'check', 'checks')}"
    said += f", {cannot} cannot run there" if cannot else ""
    lines = sum(len(answer.lines) for answer in every)
    untested = statuses.count(answers.UNTESTED)
    open_ = [f"{_counted(lines, 'line', 'lines')} never ran"] if lines else []
    open_ += [f"{_counted(untested, 'check', 'checks')} untested"] if untested else []
    rest = f"; {', '.join(open_)}" if open_ else ""
    return (
        f"{said}: {', '.join(failed)} failed{rest}"
        if failed
        else f"{said}: {'all ' if not rest else ''}passed{rest}"
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
