"""A check: one question of a review, and the list of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.subject import Subject


@attrs.frozen
class Check:
    """One question.

    Attributes:
        why: one sentence, with the place in the kernel it comes from.
        points: the init points it is about: a strategy with none of them is not asked.

    """

    name: str
    why: str
    points: frozenset[str]
    ask: Callable[[Subject], None]

    @property
    def asks(self) -> str:
        """What it does, in the words of the function that does it."""
        return (inspect.getdoc(self.ask) or "").partition("\n\n")[0].replace("\n", " ")


# Every check that was imported, by name.
CHECKS: dict[str, Check] = {}


def check(why: str, *points: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a check under its function's name."""

    def register(ask: Callable[[Subject], None]) -> Callable[[Subject], None]:
        name = ask.__name__
        CHECKS[name] = Check(name, why, frozenset(points or ("alloc", "free")), ask)
        return ask

    return register
