"""Verdicts: sentences, tables and JSON from answers."""

import io
from pathlib import Path

import attrs
from rich.console import Console

from clearfw.checks import answers as verdicts
from clearfw.checks import conformance
from clearfw.checks.answers import FAIL, NOT_ASKED, PASS, Answer, Verdict
from clearfw.checks.subject import Evidence
from clearfw.reports.tables import check as tables_check
from clearfw.results import check as results_check

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"
CHECKS = list(conformance.checks().values())
EVIDENCE = Evidence(
    message="left byte 0x9e at offset 0x0 of pfn 0x801: not zero",
    config="memory=8M init_on_alloc=1",
    point="alloc",
    order=3,
    npages=8,
    pfn=0x801,
    offset=0,
    byte=0x9E,
)


def answers(*statuses: str) -> tuple[Answer, ...]:
    """Return an answer of that status from as many checks; a failure with evidence."""
    return tuple(
        Answer(check, status, EVIDENCE if status == FAIL else None)
        for check, status in zip(CHECKS, statuses, strict=False)
    )


def printed(verdict: Verdict) -> str:
    """Return the table as a wide terminal has it."""
    console = Console(width=200, file=io.StringIO())
    with console.capture() as captured:
        console.print(tables_check.table(verdict))
    return captured.get()


def test_an_explanation_says_what_where_why_and_how_to_see_it_again() -> None:
    """An explanation has everything that one needs to fix a strategy without a debugger."""
    (answer,) = answers(FAIL)

    explained = verdicts.explanation(answer, "my file.c")

    assert f"{answer.check.name}: {EVIDENCE.message}" in explained
    assert "alloc init point, order 3, machine 'memory=8M init_on_alloc=1'" in explained
    assert f"why: {answer.check.why}" in explained
    assert f"again: clearfw check 'my file.c' --only {answer.check.name}" in explained


def test_one_mistake_is_explained_once() -> None:
    """Checks that say the same of it stand in the table, and only the first below it."""
    table = printed(Verdict("mine.c", "mine", answers(FAIL, FAIL, PASS)))

    assert table.count(" FAIL ") == 2
    assert table.count("again: ") == 1


def test_another_kind_of_failure_is_explained_too() -> None:
    """Dirty pages and stray writes are reported separately."""
    first, second = answers(FAIL, FAIL)
    beside = attrs.evolve(EVIDENCE, message="wrote byte 0x00 at offset 0x0 of pfn 0x900")
    verdict = Verdict("mine.c", "mine", (first, attrs.evolve(second, evidence=beside)))

    assert printed(verdict).count("again: ") == 2


def test_a_check_that_passed_says_what_it_asked() -> None:
    """A row of ticks would leave the reader to guess."""
    (answer,) = answers(PASS)

    assert answer.check.asks in printed(Verdict("mine.c", "mine", (answer,)))


def test_what_was_not_asked_is_named_and_not_counted() -> None:
    """A check that was not run does not count as passed."""
    verdict = Verdict("mine.c", "mine", answers(PASS, NOT_ASKED))

    assert f"serves other init points: {CHECKS[1].name}" in printed(verdict)
    assert tables_check.summary([verdict]) == "1 strategy, 1 check: all passed"


def test_the_summary_names_who_failed() -> None:
    """The last line alone tells what to look at."""
    good, bad = Verdict("a", "good", answers(PASS)), Verdict("b", "bad", answers(PASS, FAIL))

    assert tables_check.summary([good, bad]).endswith("bad failed")
    assert (good.passed, bad.passed) == (True, False)


def test_json_has_the_schema_of_the_contract() -> None:
    """results: strategy, passed, checks of name, passed and evidence."""
    document = results_check.to_json([Verdict("mine.c", "mine", answers(FAIL, PASS))])
    (result,) = document["results"]
    failed, passed = result["checks"]

    assert document["schema"] == "clearfw.check/1"
    assert (result["strategy"], result["passed"]) == ("mine", False)
    assert (failed["passed"], failed["evidence"]["pfn"]) == (False, 0x801)
    assert (passed["passed"], passed["evidence"]) == (True, None)


def test_the_page_of_the_checks_is_what_they_say_of_themselves() -> None:
    """docs/reference/checks.md ends with the catalogue, word for word."""
    assert PAGE.read_text().endswith(verdicts.catalogue(CHECKS))
