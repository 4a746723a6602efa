"""What is told of a run: the share caught, survivors as diffs, equivalents with their reasons."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from checks.mutation.judge import CAUGHT, EQUIVALENT, STILLBORN, SURVIVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checks.mutation.judge import Verdict

SCHEMA = "clearfw.mutation/1"


def share(verdicts: Sequence[Verdict]) -> float:
    """Return the share caught of those that are wrong; 1.0 where there are none."""
    counts = Counter(verdict.status for verdict in verdicts)
    wrong = counts[CAUGHT] + counts[SURVIVED]
    return counts[CAUGHT] / wrong if wrong else 1.0


def lines(verdicts: Sequence[Verdict], false_alarms: Sequence[Verdict]) -> Iterator[str]:
    """Yield the lines for people."""
    for verdict in false_alarms:
        yield f"{verdict.mutant.path.name} is right and was refused by {verdict.check}: {verdict.said}\n"
    for verdict in _with(verdicts, SURVIVED):
        yield f"SURVIVED {_named(verdict)}: {verdict.said or 'passed'}"
        yield verdict.mutant.diff()
    for verdict in _with(verdicts, EQUIVALENT):
        yield f"equivalent {_named(verdict)}: {verdict.said}"
    yield from _kinds(verdicts)
    yield summary(verdicts, false_alarms)


def summary(verdicts: Sequence[Verdict], false_alarms: Sequence[Verdict]) -> str:
    """Return the one line at the end."""
    counts = Counter(verdict.status for verdict in verdicts)
    wrong = counts[CAUGHT] + counts[SURVIVED]
    return (
        f"{wrong} wrong: {counts[CAUGHT]} caught ({share(verdicts):.2%}), {counts[SURVIVED]} survived; "
        f"{counts[EQUIVALENT]} more are equivalent, {counts[STILLBORN]} do not compile; "
        f"{len(false_alarms)} false alarms"
    )


def to_json(
    verdicts: Sequence[Verdict], false_alarms: Sequence[Verdict], seed: int, generated: int
) -> dict[str, Any]:
    """Return the document that --json writes."""
    counts = Counter(verdict.status for verdict in verdicts)
    return {
        "schema": SCHEMA,
        "seed": seed,
        "generated": generated,
        "caught": counts[CAUGHT],
        "survived": counts[SURVIVED],
        "equivalent": counts[EQUIVALENT],
        "stillborn": counts[STILLBORN],
        "share": share(verdicts),
        "false_alarms": [_verdict(verdict) for verdict in false_alarms],
        "mutants": [_verdict(verdict) for verdict in verdicts],
    }


def _kinds(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line for each kind of mistake of which some survived."""
    tried = Counter(_kind(verdict) for verdict in verdicts if verdict.status in {CAUGHT, SURVIVED})
    for kind, count in Counter(_kind(verdict) for verdict in _with(verdicts, SURVIVED)).most_common():
        yield f"{count} of {tried[kind]} survived: {kind}"


def _named(verdict: Verdict) -> str:
    mutant = verdict.mutant
    return f"{mutant.id} {mutant.path.name}:{mutant.line} {mutant.operator}"


def _kind(verdict: Verdict) -> str:
    return verdict.mutant.operator


def _with(verdicts: Sequence[Verdict], status: str) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.status == status]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    mutant = verdict.mutant
    return {
        "id": mutant.id,
        "strategy": mutant.path.name,
        "line": mutant.line,
        "operator": mutant.operator,
        "status": verdict.status,
        "check": verdict.check,
        "said": verdict.said,
        "diff": mutant.diff(),
    }
