"""For the tests of plugin authors: every conformance check as a test of its own."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clearfw import registry
from clearfw.checks import answers, conformance
from clearfw.strategies import as_strategy, from_file, from_name, is_file_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.answers import Answer
    from clearfw.checks.check import Check
    from clearfw.strategies import Strategy

__all__ = ["StrategyConformance"]


class StrategyConformance:
    """Subclass it as TestMine, set `strategy`, and pytest runs every check as a test named after it.

    Attributes:
        strategy: the name of an installed strategy, the path of a .c or .py file, or the strategy itself.
        patience_s: seconds of processor time that one call of the strategy may take.

    """

    strategy: ClassVar[object]
    patience_s: ClassVar[float] = conformance.PATIENCE_S
    _answers: ClassVar[dict[str, Answer]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Give the subclass a test method for each check."""
        super().__init_subclass__(**kwargs)
        cls._answers = {}
        for name, one in conformance.checks().items():
            setattr(cls, f"test_{name}", _test_of(one))

    def _strategy(self) -> Strategy:
        return resolve(_beside_its_class(type(self), self.strategy))

    def _answer(self, name: str) -> Answer:
        """Return the answer of a check: all are found in one search, for the first test that asks."""
        found = type(self)._answers  # noqa: SLF001  this class's own
        if not found:
            every = conformance.run(self._strategy(), patience_s=self.patience_s)
            found.update((one.check.name, one) for one in every)
        return found[name]


def _test_of(one: Check) -> Callable[[StrategyConformance], None]:
    def test(self: StrategyConformance) -> None:
        import pytest

        answer = self._answer(one.name)
        if not answer.passed:
            pytest.fail(answers.explanation(answer, str(self.strategy)), pytrace=False)
        if answer.status != answers.PASS:
            pytest.skip(f"{answer.status}: {answers.sentence(answer)}")

    test.__doc__ = one.why
    test.__name__ = f"test_{one.name}"
    return test


def _beside_its_class(cls: type, strategy: object) -> object:
    """Return a relative path as one from the file that CLS is written in, where there is such a file."""
    if isinstance(strategy, Path) or (isinstance(strategy, str) and is_file_name(strategy)):
        beside = Path(inspect.getfile(cls)).parent / strategy
        return beside if beside.is_file() else strategy
    return strategy


def resolve(strategy: object) -> Strategy:
    """Return STRATEGY as one: by name, by path, or as it is; raises UnknownStrategyError, StrategyError."""
    if isinstance(strategy, Path):
        return from_file(strategy)
    if isinstance(strategy, str):
        return from_name(strategy, registry.default().strategies)
    return as_strategy(strategy, type(strategy).__name__)
