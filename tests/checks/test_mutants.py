"""The checks against strategies that are wrong, one mistake each, and against the shipped ones."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from clearfw import registry
from clearfw.checks import answers as checks_answers
from clearfw.checks import conformance
from clearfw.strategies import from_file

HEADER = re.compile(r"(?:/\*|#) killed by: (\w+)(, only|, where the CPU shows it)?")
CHECKS = conformance.checks()
# How often a mutant may get away that only a race can show.
TRIES = 5


@attrs.frozen
class Mutant:
    """A wrong strategy, and the check that must find it out."""

    path: Path
    killer: str
    how: str

    @classmethod
    def read(cls, path: Path) -> Mutant:
        """Return what the file says of itself in its first line."""
        match = HEADER.match(path.read_text())
        assert match, f"{path.name} does not say what it is killed by"
        return cls(path, match[1], match[2] or "")


MUTANTS = [
    Mutant.read(path) for path in sorted((Path(__file__).parent / "mutants").iterdir()) if path.is_file()
]
ONLY = [mutant for mutant in MUTANTS if mutant.how == ", only"]
KILLED = [mutant for mutant in MUTANTS if not mutant.how]
SHOWN = [mutant for mutant in MUTANTS if mutant not in ONLY + KILLED]


def named(mutants: list[Mutant]) -> pytest.MarkDecorator:
    """Make a test one of each mutant."""
    return pytest.mark.parametrize("mutant", mutants, ids=[mutant.path.name for mutant in mutants])


def say_enough(answer: checks_answers.Answer) -> None:
    """Evidence has a message, and where it happened."""
    assert answer.evidence is not None
    assert answer.evidence.message
    assert "memory=" in answer.evidence.config


@named(KILLED)
def test_killed(mutant: Mutant) -> None:
    """The check it names finds it out, and says what and where."""
    (answer,) = conformance.run(from_file(mutant.path), [mutant.killer])

    assert answer.status == checks_answers.FAIL
    say_enough(answer)


@named(ONLY)
def test_killed_by_no_other(mutant: Mutant) -> None:
    """The check it names finds it out, and every other lets it pass: so that check is needed."""
    # A race shows only when the threads meet: on a busy machine, in one of some runs.
    for _ in range(TRIES if mutant.killer == "two_threads" else 1):
        answers = conformance.run(from_file(mutant.path))
        failed = {answer.check.name: answer for answer in answers if not answer.passed}
        if failed:
            break

    assert set(failed) == {mutant.killer}
    say_enough(failed[mutant.killer])


@named(SHOWN)
def test_killed_or_said_that_it_cannot_be(mutant: Mutant) -> None:
    """The check it names finds it out, or says that this CPU does not show it."""
    for _ in range(TRIES):
        (answer,) = conformance.run(from_file(mutant.path), [mutant.killer])
        if not answer.passed or answer.evidence:
            say_enough(answer)
            return
    pytest.skip(f"this CPU showed others, and not {mutant.path.name} in {TRIES} tries")


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_needed(name: str) -> None:
    """Each check has a mutant that no other check finds."""
    assert [mutant.path.name for mutant in ONLY if mutant.killer == name]


def test_there_are_enough_mutants() -> None:
    """At least forty, in C and in Python, each under a name of its own."""
    assert len(MUTANTS) >= 40
    assert {mutant.path.suffix for mutant in MUTANTS} == {".c", ".py"}
    assert len({mutant.path.stem for mutant in MUTANTS}) == len(MUTANTS)


@named(MUTANTS)
def test_a_mutant_says_what_is_wrong_with_it(mutant: Mutant) -> None:
    """The check exists, and a sentence tells of the mistake."""
    second = mutant.path.read_text().splitlines()[1].strip(' "*')

    assert mutant.killer in CHECKS
    assert len(second.split()) > 2


@pytest.mark.parametrize("name", registry.default().strategies)
def test_shipped(name: str) -> None:
    """A shipped strategy passes every check on every configuration."""
    answers = conformance.run(registry.default().strategies[name])

    assert {answer.check.name: answer.evidence for answer in answers if not answer.passed} == {}
