"""The one place that keeps what comes from files from acting on a terminal."""

from __future__ import annotations

import sys
from typing import IO

_KEPT = "\n\t"


def harmless(text: str) -> str:
    """Return TEXT with a question mark for each character that a terminal would obey or cannot show.

    Names and messages come from files, and files from strangers: escape sequences, carriage returns, marks
    that turn the direction of writing, and bytes that are no UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _KEPT else "?" for one in text)


def allow_any_name() -> None:
    """Have the standard streams write what is no UTF-8 as an escape, where nothing else has replaced it."""
    for stream in (sys.stdout, sys.stderr):
        _escape(stream)


def _escape(stream: IO[str] | None) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
