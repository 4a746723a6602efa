"""A check: one question of a review, and the list of them.

Most are answered by the search: a check names the findings that answer it with no. A question that the search
cannot put has a function of its own.
"""

from __future__ import annotations

import fnmatch
import inspect
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.subject import Subject

PAGES = frozenset({"alloc", "free"})
EVERYWHERE = PAGES | {"vmalloc"}


@attrs.frozen
class Check:
    """One question.

    Attributes:
        why: one sentence, with the place in the kernel it comes from.
        points: the init points it is about: a strategy with none of them is not asked.
        ask: the function that asks it in a process of its own; None: the search does.
        found: patterns of the findings of the search that answer it: kind, init point, how the pages lie,
            KASAN mode, zones, and whether a block is an order.
        looks: what is looked at in every cell, one sentence.

    """

    name: str
    why: str
    points: frozenset[str]
    ask: Callable[[Subject], None] | None = None
    found: tuple[str, ...] = ()
    looks: str = ""

    @property
    def asks(self) -> str:
        """What it does: its own words, or those of the function that does it."""
        return self.looks or (inspect.getdoc(self.ask) or "").partition("\n\n")[0].replace("\n", " ")

    def is_about(self, key: str) -> bool:
        """Return whether a finding of the search answers it with no."""
        return any(fnmatch.fnmatchcase(key, pattern) for pattern in self.found)


# Every check, by name.
CHECKS: dict[str, Check] = {}


def check(
    why: str, *points: str, found: tuple[str, ...] = ()
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a check with a function of its own, under the function's name."""

    def register(ask: Callable[[Subject], None]) -> Callable[[Subject], None]:
        name = ask.__name__
        CHECKS[name] = Check(name, why, frozenset(points or PAGES), ask, found)
        return ask

    return register


def searched(name: str, looks: str, why: str, *found: str, points: frozenset[str] = PAGES) -> None:
    """Register a check that the search answers."""
    CHECKS[name] = Check(name, why, points, None, found, looks)
