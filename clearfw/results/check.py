"""Checks as they are saved, schema clearfw.check/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from clearfw.checks.answers import Verdict, reproduce
from clearfw.strategies import is_file_name

if TYPE_CHECKING:
    from collections.abc import Sequence


SCHEMA = "clearfw.check/1"


def to_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the document that `clearfw check --json` writes."""
    return {"schema": SCHEMA, "results": [_verdict(verdict) for verdict in verdicts]}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "strategy": verdict.strategy,
        "arch": verdict.arch or None,
        "passed": verdict.passed,
        "conclusive": verdict.conclusive,
        "file": verdict.given if is_file_name(verdict.given) else None,
        "checks": [
            {
                "name": answer.check.name,
                "passed": answer.passed,
                "status": answer.status,
                "why": answer.check.why,
                "evidence": attrs.asdict(answer.evidence) if answer.evidence else None,
                "lines": list(answer.lines),
                "reproduce": reproduce(answer, verdict.given, verdict.arch),
            }
            for answer in verdict.answers
        ],
    }


@attrs.frozen
class SavedCheck:
    """One answer about a strategy."""

    name: str
    status: str
    why: str
    evidence: dict[str, Any] | None
    reproduce: str
    lines: tuple[str, ...] = ()


@attrs.frozen
class SavedVerdict:
    """All answers about one strategy; `arch` is the architecture, None for this computer."""

    strategy: str
    passed: bool
    checks: tuple[SavedCheck, ...]
    arch: str | None = None
    file: str | None = None
    conclusive: bool = True

    @property
    def label(self) -> str:
        """Name of the strategy, with the architecture."""
        return f"{self.strategy} on {self.arch}" if self.arch else self.strategy


@attrs.frozen
class SavedChecks:
    """Saved results of `clearfw check`."""

    results: tuple[SavedVerdict, ...]
