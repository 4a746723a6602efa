"""Right strategies, in all the forms that people write: none is refused.

All of them are asked everything with CLEARFW_VALID=all, and before `make mutate` makes wrong ones of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clearfw.checks import conformance
from clearfw.strategies import from_file

VALID = sorted(path for path in (Path(__file__).parent / "valid").iterdir() if path.is_file())
# Refused once: these are asked always.
ALWAYS = {"bulk_only", "first_page_again", "huge_only", "last_page_hot", "skips_zero_pages", "two_kmaps"}
ASKED = [path for path in VALID if os.environ.get("CLEARFW_VALID") == "all" or path.stem in ALWAYS]


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.name)
def test_no_false_alarm(path: Path) -> None:
    """Every check passes what is right."""
    answers = list(conformance.run(from_file(path)))

    assert {answer.check.name: answer.evidence for answer in answers if not answer.passed} == {}


def test_there_are_enough() -> None:
    """At least forty, in C and in Python, each under the name of its file."""
    assert len(VALID) >= 40
    assert {path.suffix for path in VALID} == {".c", ".py"}
    assert [from_file(path).name for path in VALID] == [path.stem for path in VALID]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_it_says_what_it_is(path: Path) -> None:
    """One line of comment comes first."""
    first = path.read_text().splitlines()[0]

    assert first.startswith(("/* ", "# "))
    assert len(first.split()) > 4
