"""Conformance checks as pytest tests, for the authors of plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clearfw import registry
from clearfw.checks import answers, conformance
from clearfw.strategies import as_strategy, from_file, from_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.check import Check
    from clearfw.strategies import Strategy

__all__ = ["StrategyConformance"]


class StrategyConformance:
    """Base class of a test class: set `strategy`, and pytest runs every check as a test.

    Attributes:
        strategy: the name of an installed strategy, the path of a .c or .py file, or the strategy itself.
        deadline_s: seconds for each check.

    """

    strategy: ClassVar[object]
    deadline_s: ClassVar[float] = conformance.DEADLINE_S

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Give the subclass a test method for each check."""
        super().__init_subclass__(**kwargs)
        for name, one in conformance.checks().items():
            setattr(cls, f"test_{name}", _test_of(one))


def _test_of(one: Check) -> Callable[[StrategyConformance], None]:
    def test(self: StrategyConformance) -> None:
        import pytest

        (answer,) = conformance.run(resolve(self.strategy), [one.name], deadline_s=self.deadline_s)
        if answer.status == answers.NOT_ASKED:
            pytest.skip(answers.sentence(answer))
        if not answer.passed:
            pytest.fail(answers.explanation(answer, str(self.strategy)), pytrace=False)

    test.__doc__ = one.why
    test.__name__ = f"test_{one.name}"
    return test


def resolve(strategy: object) -> Strategy:
    """Return the strategy of a name, a path or an object; raises UnknownStrategyError, StrategyError."""
    if isinstance(strategy, Path):
        return from_file(strategy)
    if isinstance(strategy, str):
        return from_name(strategy, registry.default().strategies)
    return as_strategy(strategy, type(strategy).__name__)
