"""Section of the report for checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.reports.html.blocks import Cell, Note, Table, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearfw.reports.html.blocks import Block
    from clearfw.results.check import SavedChecks

_STATUS_STYLES = {"pass": "good", "FAIL": "fail", "incomplete": "warn", "untested": "warn"}


def checks(found: SavedChecks, _: str) -> tuple[str, Iterable[Block]]:
    """Return the title and the blocks of what `clearfw check` found."""
    failed = [verdict.label for verdict in found.results if not verdict.passed]
    shown: list[Block] = [_matrix(found)]
    if failed:
        shown = [Note(f"Failed: {', '.join(failed)}.", bad=True), *shown, _failures(found)]
    if (remarks := _remarks(found)).rows:
        shown.append(remarks)
    subjects = "1 strategy" if len(found.results) == 1 else f"{len(found.results)} strategies"
    return f"Check: {subjects}, {len(failed)} failed", shown


def _matrix(found: SavedChecks) -> Table:
    names = dict.fromkeys(check.name for verdict in found.results for check in verdict.checks)
    asked = [{check.name: check for check in verdict.checks} for verdict in found.results]
    rows = (
        (words(name), *(_status(one[name].status) if name in one else words("") for one in asked))
        for name in names
    )
    strategies = _distinct(verdict.label for verdict in found.results)
    return Table(caption="Review checks", columns=("check", *strategies), rows=tuple(rows))


def _distinct(names: Iterable[str]) -> list[str]:
    """Return NAMES, with a number behind a name that appears again."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _status(status: str) -> Cell:
    return words(status, _STATUS_STYLES.get(status, "dim"))


def _remarks(found: SavedChecks) -> Table:
    """Return what is worth knowing beside the failures: remarks, and what was not tested and why."""
    rows = (
        (words(verdict.label), words(check.name), _status(check.status), words(str(message), "long"))
        for verdict in found.results
        for check in verdict.checks
        if check.status not in {"FAIL", "not asked"} and (message := (check.evidence or {}).get("message"))
    )
    return Table(caption="Remarks", columns=("strategy", "check", "status", "remark"), rows=tuple(rows))


def _failures(found: SavedChecks) -> Table:
    rows = (
        (
            words(verdict.label),
            words(check.name, "fail"),
            words(str((check.evidence or {}).get("message", "")), "long"),
            words(check.why, "long"),
            words(check.reproduce, "code"),
        )
        for verdict in found.results
        for check in verdict.checks
        if check.status == "FAIL"
    )
    columns = ("strategy", "check", "what was found", "why it matters", "to repeat it")
    return Table(caption="What failed", columns=columns, rows=tuple(rows))
