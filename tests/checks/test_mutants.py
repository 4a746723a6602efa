"""The checks against strategies that are wrong, one mistake each, and against the shipped ones."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import attrs
import pytest

from clearfw import registry
from clearfw.checks import answers as checks_answers
from clearfw.checks import conformance
from clearfw.strategies import from_file

HEADER = re.compile(r"(?:/\*|#) killed by: (\w+)")
CHECKS = conformance.checks()
# Each is asked until its first failure, which takes seconds: a seeded sample by default, all with "all".
ALL = os.environ.get("CLEARFW_MUTANTS") == "all"
SAMPLE = 12


@attrs.frozen
class Mutant:
    """A wrong strategy, and the check that is about its mistake."""

    path: Path
    killer: str

    @classmethod
    def read(cls, path: Path) -> Mutant:
        """Return what the file says of itself in its first line."""
        match = HEADER.match(path.read_text())
        assert match, f"{path.name} does not say what it is killed by"
        return cls(path, match[1])


MUTANTS = [
    Mutant.read(path) for path in sorted((Path(__file__).parent / "mutants").iterdir()) if path.is_file()
]
ASKED = MUTANTS if ALL else random.Random(1).sample(MUTANTS, SAMPLE)


def named(mutants: list[Mutant]) -> pytest.MarkDecorator:
    """Make a test one of each mutant."""
    return pytest.mark.parametrize("mutant", mutants, ids=[mutant.path.name for mutant in mutants])


@named(ASKED)
def test_killed(mutant: Mutant) -> None:
    """A check fails, and says what and where."""
    answers = list(conformance.run(from_file(mutant.path), fail_fast=True))
    failed = [answer for answer in answers if answer.status == checks_answers.FAIL]

    assert failed
    assert failed[0].evidence is not None
    assert failed[0].evidence.message


def test_there_are_enough_mutants() -> None:
    """At least 150, in C and in Python, each under a name of its own."""
    assert len(MUTANTS) >= 150
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
