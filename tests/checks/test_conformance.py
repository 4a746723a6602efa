"""Asking the checks: who is asked, in which order, and what comes back."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.checks import conformance
from clearfw.checks.answers import FAIL, PASS
from clearfw.checks.check import CHECKS, Check
from clearfw.checks.subject import GARBAGE, Evidence, Subject
from clearfw.errors import UnknownCheckError
from clearfw.strategies import from_file, points

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.answers import Answer
    from clearfw.strategies import NativeStrategy, Strategy

MUTANTS = Path(__file__).parent / "mutants"
PER_PAGE = registry.default().strategies["per_page"]
VMALLOC = registry.default().strategies["vmalloc_runs"]


def ask(
    monkeypatch: pytest.MonkeyPatch, question: Callable[[Subject], None], strategy: Strategy = PER_PAGE
) -> Answer:
    """Return the answer to a check of one's own."""
    monkeypatch.setitem(CHECKS, "own", Check("own", "why", frozenset({"alloc"}), question))
    (answer,) = conformance.run(strategy, ["own"], deadline_s=10)
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
    """A remark is shown with a pass."""
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

    assert answer.evidence == Evidence(
        message="raised SystemExit: 4", config="memory=1M", point="free", order=1, npages=2
    )


def test_what_is_not_served_is_not_asked() -> None:
    """A vmalloc strategy passes without the checks of allocations."""
    answers = list(conformance.run(VMALLOC, ["zero_on_alloc", "vmalloc_whole"]))

    assert [answer.status for answer in answers] == ["not asked", "pass"]
    assert all(answer.passed for answer in answers)
    assert answers[0].evidence == Evidence(message="it does not serve alloc")


def test_answers_come_in_the_order_asked() -> None:
    """Whatever runs beside whatever, the answers keep the order of the names."""
    names = ["visible_on_return", "kmaps_as_few_as_pages", "claims_something"]

    assert [answer.check.name for answer in conformance.run(PER_PAGE, names, workers=3)] == names


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
        ("no_kmap.c", "highmem_mapped", r"asked to clear 1 page from pfn 0x[0-9a-f]+, HIGHMEM; SIGSEGV"),
        ("clears_after_kunmap.c", "highmem_mapped", r"kmap slot 0, which is not mapped: last it held pfn 0x"),
        ("tag_kept.c", "kasan_tag_reset", r"a KASAN tag still in it: kasan_reset_tag\(\) it first"),
        ("reads_the_next_page.c", "nothing_else_touched", "past the end of the direct map"),
        ("vmalloc_virt_to_page.c", "vmalloc_scattered", r"virt_to_page\(\) of any vmalloc address"),
        ("endless_recursion.c", "zero_on_alloc", "past the end of the stack: a recursion without an end?"),
        ("marks_struct_page.c", "arguments_untouched", "changed private of the struct page of pfn 0x"),
        (
            "skips_last_page.c",
            "zero_on_alloc",
            "left byte 0x9e at offset 0x0 of pfn 0x.*, page 0 of 1: not zero",
        ),
        ("one_page_too_many.c", "nothing_else_touched", "page 1 after the end of its block"),
        ("python_raises.py", "zero_on_alloc", "raised NotImplementedError: too large"),
    ],
)
def test_evidence_says_what_to_mend(mutant: str, check: str, words: str) -> None:
    """The message names the place and the mistake."""
    (answer,) = conformance.run(from_file(MUTANTS / mutant), [check])

    assert answer.evidence is not None
    assert re.search(words, answer.evidence.message)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere the machine refuses it")
@pytest.mark.parametrize(("instruction", "status"), [("", FAIL), ('__asm__ volatile("sfence");', PASS)])
def test_a_clear_of_no_pages_is_harmless_on_x86_alone(
    c_strategy: Callable[..., NativeStrategy], instruction: str, status: str
) -> None:
    """In a file that others could compile it fails; in one with instructions of x86 it is remarked on."""
    calls = "clear_pages(page_address(page), n); clear_pages(page_address(page), 0);"
    body = f"static bool f(struct page *page, int n) {{ if (PageHighMem(page)) return false; {calls}"
    mine = c_strategy("mine", f"{body} {instruction} return true; }}", ".init_on_alloc = f")

    (answer,) = conformance.run(mine, ["any_count"])

    assert answer.status == status
    assert answer.evidence is not None
    assert answer.evidence.message.startswith("called clear_pages() with 0 pages")
