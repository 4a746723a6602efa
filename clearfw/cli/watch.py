"""`clearfw bench --watch` checks and times a strategy again on every save."""

from __future__ import annotations

import collections
import contextlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from clearfw.errors import ClearfwError, ConfigError
from clearfw.strategies import elements, from_name, is_file_name
from clearfw.toolchain.source import Source
from clearfw.watch import attempt as attempts
from clearfw.watch import files as saves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from clearfw.bench.plan import Plan
    from clearfw.strategies import Strategy
    from clearfw.watch.attempt import Attempt

_SIDE_BY_SIDE = 4


def files(named: Sequence[str], known: Mapping[str, Strategy]) -> list[Path]:
    """Return the files among the NAMED strategies.

    Raises ConfigError if there is no file, and UnknownStrategyError for a name that is not in KNOWN.
    """
    found = []
    for element in itertools.chain.from_iterable(map(elements, named)):
        if is_file_name(element):
            found.append(Path(element))
        else:
            from_name(element, known)
    missing = next((path for path in found if not path.is_file()), None)
    if missing or not found:
        asked = f"--watch {missing}" if missing else "--watch"
        msg = f"{asked} found no such file: name the .c or .py file that you edit"
        raise ConfigError(msg)
    return found


def run(make: Callable[[], Plan], edited: Sequence[Path], console: Console) -> int:
    """Check and time the plan that MAKE makes on every save of the EDITED files, until interrupted."""
    names = ", ".join(map(str, edited))
    console.print(f"watching {names}: every save is checked and timed; Ctrl-C ends it", soft_wrap=True)
    kept: collections.deque[Attempt] = collections.deque(maxlen=_SIDE_BY_SIDE)
    # An interrupt is the normal end, not a failure.
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            sources = list(_sources(edited))
            seen = saves.stamp(sources)
            _try(make, edited, console, kept)
            saves.wait(sources, seen)
    return 0


def _sources(edited: Sequence[Path]) -> Iterator[Path]:
    for path in edited:
        yield path
        with contextlib.suppress(ClearfwError):  # the file does not exist for the moment
            yield from Source(path).headers


def _try(
    make: Callable[[], Plan], edited: Sequence[Path], console: Console, kept: collections.deque[Attempt]
) -> None:
    gone = [str(path) for path in edited if not path.is_file()]
    if gone:
        console.print(f"{', '.join(gone)} does not exist: waiting for it", soft_wrap=True)
        return
    wait = attempts.start(make, edited)
    with console.status(f"checking and timing {', '.join(map(str, edited))}"):
        attempt = wait()
    from clearfw.reports.tables import watch as tables

    # Not wrapped, because a compiler's message points at columns.
    console.print(tables.summary(attempt), soft_wrap=True)
    if attempt.rows:
        kept.append(attempt)
        console.print(tables.table(kept))
