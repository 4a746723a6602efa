"""Conformance: every question a review asks of a strategy, answered with evidence."""

from __future__ import annotations

import collections
import functools
from typing import TYPE_CHECKING, Any

from clearfw import isolation
from clearfw.checks import questions as _  # noqa: F401  importing them registers them
from clearfw.checks.answers import CANNOT, FAIL, NOT_ASKED, PASS, Answer
from clearfw.checks.check import CHECKS, Check
from clearfw.checks.subject import Evidence, Found, Subject, served
from clearfw.errors import ClearfwError, UnknownCheckError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

DEADLINE_S = 20.0


def checks() -> dict[str, Check]:
    """Return every check, by name."""
    return dict(CHECKS)


def known(names: Sequence[str]) -> tuple[str, ...]:
    """Return NAMES, or every check's name where there are none; raises UnknownCheckError."""
    every = checks()
    for name in names:
        if name not in every:
            raise UnknownCheckError(name, every)
    return tuple(names or every)


def run(
    strategy: Strategy,
    names: Sequence[str] = (),
    *,
    architecture: Architecture | None = None,
    deadline_s: float = DEADLINE_S,
    workers: int = 2,
) -> Iterator[Answer]:
    """Yield the answer of each check (all, or those named), in order; each ran in a process of its own.

    With ARCHITECTURE, the core and the strategy are that one's, under its emulator.
    """
    known = checks()
    points = served(strategy, architecture)
    waiting: collections.deque[tuple[Check, isolation.Child | None]] = collections.deque()
    for name in names or known:
        one = known[name]
        work = functools.partial(_ask, strategy, architecture, one)
        waiting.append((one, isolation.start(work, deadline_s) if one.points & points else None))
        if len(waiting) >= workers:
            yield _answer(*waiting.popleft())
    while waiting:
        yield _answer(*waiting.popleft())


def _answer(one: Check, child: isolation.Child | None) -> Answer:
    if child is None:
        return Answer(
            one, NOT_ASKED, Evidence(message=f"it does not serve {' or '.join(sorted(one.points))}")
        )
    outcome = child.wait()
    at: dict[str, Any] = next((message["at"] for message in reversed(outcome.told) if "at" in message), {})
    if outcome.end:
        return Answer(one, FAIL, Evidence(**{**at, "message": outcome.end}))
    for message in outcome.told:
        if "cannot" in message:
            return Answer(one, CANNOT, Evidence(message=message["cannot"]))
        if "found" in message:
            return Answer(one, FAIL, Evidence(**message["found"]))
    remarks = [message["remark"] for message in outcome.told if "remark" in message]
    return Answer(one, PASS, Evidence(**remarks[0]) if remarks else None)


def _ask(strategy: Strategy, architecture: Architecture | None, one: Check, tell: isolation.Tell) -> None:
    """In the child: ask, and tell what was found."""
    subject = Subject(strategy, tell, architecture)
    try:
        one.ask(subject)
    except Found as found:
        tell({"found": found.evidence})
    except ClearfwError as error:
        # Here nothing is out of reach: then it was the strategy that raised it.
        if architecture is not None and isinstance(error, UnsupportedError):
            tell({"cannot": str(error)})
            return
        # The core itself refused what the strategy did: its words are the evidence.
        pfn = getattr(error, "pfn", None)
        tell({"found": {"message": str(error), "config": subject.config, "pfn": pfn, **subject.where}})
