"""Asking the checks: who is asked, in which order, and what comes back."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.checks import cells, conformance
from clearfw.checks.cells import Job
from clearfw.checks.check import CHECKS, Check
from clearfw.checks.subject import GARBAGE, Evidence, Subject
from clearfw.errors import CheckError, UnknownCheckError
from clearfw.strategies import from_file, points

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.answers import Answer
    from clearfw.strategies import Strategy

MUTANTS = Path(__file__).parent / "mutants"
PER_PAGE = registry.default().strategies["per_page"]
PLAIN = Job(4096, highmem=False, kasan="off")
VMALLOC = registry.default().strategies["vmalloc_runs"]


def ask(
    monkeypatch: pytest.MonkeyPatch, question: Callable[[Subject], None], strategy: Strategy = PER_PAGE
) -> Answer:
    """Return the answer to a check of one's own."""
    monkeypatch.setitem(CHECKS, "own", Check("own", "why", frozenset({"alloc"}), question))
    (answer,) = conformance.run(strategy, ["own"])
    return answer


def test_a_check_that_finds_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding and no remark: passed, and no evidence."""
    answer = ask(monkeypatch, lambda subject: None)

    assert (answer.status, answer.passed, answer.evidence) == ("pass", True, None)


def test_a_finding_is_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a check raises comes back with the machine, the init point and the block it was at."""

    def question(subject: Subject) -> None:
        with subject.boot("memory=1M backing=base"):
            subject.at(point="alloc", order=2, npages=4)
            message = "wrong"
            raise subject.found(message, pfn=7, offset=8, byte=9)

    answer = ask(monkeypatch, question)

    assert (answer.status, answer.passed) == ("FAIL", False)
    assert answer.evidence == Evidence(
        message="wrong",
        config="memory=1M backing=base",
        point="alloc",
        order=2,
        npages=4,
        pfn=7,
        offset=8,
        byte=9,
    )


def test_a_remark_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worth knowing and not wrong stands beside a pass."""
    answer = ask(monkeypatch, lambda subject: subject.remark("slow", npages=3))

    assert answer.passed
    assert answer.evidence == Evidence(message="slow", npages=3)


def test_a_crash_is_told_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence of an end is what the check was about to do."""

    def question(subject: Subject) -> None:
        subject.config = "memory=1M"
        subject.at(point="free", order=1, npages=2)
        raise SystemExit(4)

    answer = ask(monkeypatch, question)

    assert answer.evidence is not None
    assert answer.evidence.message.startswith("raised SystemExit: 4 (")
    assert (answer.evidence.config, answer.evidence.point) == ("memory=1M", "free")
    assert (answer.evidence.order, answer.evidence.npages) == (1, 2)


def test_what_is_not_served_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy for vmalloc is not asked about allocations, and is none the worse for it."""
    monkeypatch.setattr(cells, "jobs", lambda: [PLAIN])
    answers = list(conformance.run(VMALLOC, ["zero_on_alloc", "vmalloc_whole"]))

    assert [answer.status for answer in answers] == ["not asked", "pass"]
    assert all(answer.passed for answer in answers)
    assert answers[0].evidence == Evidence(message="it does not serve alloc")


def test_answers_come_in_the_order_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs beside whatever, the answers keep the order of the list of checks."""
    monkeypatch.setattr(cells, "jobs", lambda: [PLAIN])
    names = ["frame_size", "nothing_else_touched", "claims_something"]

    assert [answer.check.name for answer in conformance.run(PER_PAGE, names, workers=3)] == sorted(
        names, key=list(CHECKS).index
    )


def test_all_checks_are_the_default() -> None:
    """No names are all names; a name that is none is told with what there is."""
    assert conformance.known(()) == tuple(conformance.checks())
    with pytest.raises(UnknownCheckError, match="zero_on_aloc"):
        conformance.known(["zero_on_aloc"])


def test_points() -> None:
    """A strategy serves the init points that its file implements."""
    from clearfw.config import Config

    assert points(PER_PAGE, Config()) == {"alloc", "free"}
    assert points(VMALLOC, Config()) == {"vmalloc"}


def test_all_that_a_strategy_is_asked_to_clear_is_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy that clears nothing leaves garbage, even in memory that was never written to."""

    def question(subject: Subject) -> None:
        with subject.boot("memory=1M init_on_alloc=1 backing=base") as machine:
            dirty = machine.first_not(0, machine.alloc_pages(0).pfn, 1)
            assert dirty
            raise subject.found(str(dirty), byte=dirty[2])

    answer = ask(monkeypatch, question, from_file(MUTANTS / "claims_without_clearing.c"))

    assert answer.evidence is not None
    assert answer.evidence.byte == GARBAGE


def test_the_frame_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the core says of a strategy names that strategy, and not the stack it was tested in."""

    def question(subject: Subject) -> None:
        with subject.boot("memory=1M highmem=512K init_on_alloc=1 backing=base") as machine:
            machine.alloc_pages(0, "GFP_HIGHUSER")

    answer = ask(monkeypatch, question, from_file(MUTANTS / "never_unmaps.c"))

    assert answer.evidence is not None
    assert answer.evidence.message.startswith("'never_unmaps' returned with pages still mapped")


@pytest.mark.parametrize(
    ("mutant", "check", "words"),
    [
        ("no_kmap.c", "highmem_mapped", r"address 0: NULL, which is page_address\(\) of a HIGHMEM page"),
        ("clears_after_kunmap.c", "highmem_mapped", r"kmap slot 0, which is not mapped: last it held pfn 0x"),
        ("tag_kept.c", "kasan_tag_reset", r"a KASAN tag still in it: kasan_reset_tag\(\) it first"),
        ("vmalloc_virt_to_page.c", "vmalloc_scattered", r"virt_to_page\(\) of any vmalloc address"),
        ("endless_recursion.c", "small_stack", "past the end of the stack: a recursion without an end?"),
        ("marks_struct_page.c", "arguments_untouched", "changed private of the struct page of pfn 0"),
        (
            "skips_last_page.c",
            "zero_on_alloc",
            "left byte 0x9e at offset 0 of pfn 0x?[0-9a-f]*, page 0 of 1: not zero",
        ),
        ("one_page_too_many.c", "nothing_else_touched", "page 1 after the end of its block"),
        ("python_raises.py", "zero_on_alloc", "raised NotImplementedError: too large"),
    ],
)
def test_evidence_says_what_to_mend(mutant: str, check: str, words: str) -> None:
    """The message names the place and the mistake, so that nobody needs a debugger."""
    answers = conformance.run(from_file(MUTANTS / mutant), [check], fail_fast=True)
    (answer,) = [answer for answer in answers if not answer.passed]

    assert answer.evidence is not None
    assert re.search(words, answer.evidence.message)


def test_the_computer_is_not_the_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of the check that has no more processor time is no failure of what it checks."""

    def question(_: Subject) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (1, 2))
        while True:
            pass

    with pytest.raises(CheckError, match="limit of processor time"):
        ask(monkeypatch, question)


def test_a_mistake_of_our_own_is_not_the_strategys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the search itself raises is said to be clearfw's."""
    monkeypatch.setattr(cells, "jobs", lambda: [PLAIN])
    monkeypatch.setattr(cells, "blocks", lambda *_: 1 / 0)

    with pytest.raises(CheckError, match=r"ZeroDivisionError.*a mistake of clearfw"):
        list(conformance.run(PER_PAGE, ["zero_on_alloc"]))


def test_a_hang_costs_its_patience_once(tmp_path: Path) -> None:
    """It is a finding where it hangs, and all else is untested: nothing waits for it again."""
    hangs = tmp_path / "hangs.c"
    hangs.write_text(
        "#include <clearfw/strategy.h>\n"
        "static bool f(struct page *page, int n) { for (;;) barrier(); return !!page; }\n"
        "CLEARFW_STRATEGY(hangs, .init_on_alloc = f);\n"
    )
    answers = {one.check.name: one for one in conformance.run(from_file(hangs), patience_s=0.3)}

    assert answers["zero_on_alloc"].status == "FAIL"
    assert "did not come back within 0.3 s" in str(answers["zero_on_alloc"].evidence)
    assert answers["nothing_else_touched"].status == "untested"
    assert not any(one.status == "pass" for one in answers.values() if one.check.ask is None)
