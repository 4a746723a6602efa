"""Results as text for a mail: the same as the page says, in 78 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clearfw.reports.text import WIDTH, text
from clearfw.results import document
from clearfw.results.document import MODELS

if TYPE_CHECKING:
    from clearfw.results.document import Document

HOSTILE = "\x1b[31mmine\r\nforged: line\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 200


@pytest.fixture
def every(saved: dict[str, dict[str, Any]]) -> list[Document]:
    """A document of each schema that conftest.py makes one of."""
    return [document.parse(raw, f"{name}.json") for name, raw in saved.items() if raw["schema"] in MODELS]


def test_no_line_is_longer_than_a_mail_has_columns(every: list[Document]) -> None:
    """Of any schema."""
    lines = text(every, "All").splitlines()

    assert [line for line in lines if len(line) > WIDTH] == []
    assert len(lines) > 30


def test_the_processor_and_the_figures_are_in_it(saved: dict[str, dict[str, Any]]) -> None:
    """What was measured on stands before what was measured."""
    found = text([document.parse(saved["bench"], "b.json")], "Bench")

    assert found.index("Measured on a processor") < found.index("2.00")
    assert "1.90" in found


def test_a_failure_has_its_evidence(saved: dict[str, dict[str, Any]]) -> None:
    """And the command that shows it again."""
    found = text([document.parse(saved["check"], "c.json")], "Check")

    assert "Failed: batched." in found
    assert "left byte 0 dirty" in " ".join(found.split())


def test_a_summary_has_a_row_for_each_order(saved: dict[str, dict[str, Any]]) -> None:
    """Where a bench has several orders, it begins with their ratios."""
    bench = saved["bench"]
    rows = [row | {"order": order} for order in (0, 9) for row in bench["results"]]
    found = text([document.parse(bench | {"results": rows}, "o.json")], "Orders")

    summary = found[found.index("Summary: the ratio at each order") :]
    assert "batched stosb" in summary.splitlines()[1]
    assert [line.split()[0] for line in summary.splitlines()[3:5]] == ["0", "9"]


def test_columns_without_a_figure_are_left_out(saved: dict[str, dict[str, Any]]) -> None:
    """No kmaps were counted, so there is nothing to show."""
    assert "kmaps" not in text([document.parse(saved["bench"], "b.json")], "Bench")


def test_what_a_stranger_wrote_does_nothing_to_a_terminal(saved: dict[str, dict[str, Any]]) -> None:
    """No escape sequence and no line of a document's own goes through."""
    bench = saved["bench"]
    rows = [row | {"strategy": HOSTILE} for row in bench["results"]]
    found = text([document.parse(bench | {"results": rows}, "b.json")], HOSTILE)

    assert "\x1b" not in found
    assert "\r" not in found
    assert not any(line.startswith("forged") for line in found.splitlines())
    assert [line for line in found.splitlines() if len(line) > WIDTH] == []
